// SiLU(norm(x) · scale + shift) of images whose channels come last, and its gradients.
//
// x, y and their gradients: (batch, pixels, channels) of T; scale, shift and their gradients:
// (batch, channels), mean, rstd: (batch, groups), all of A, in which all sums are taken.
// A thread takes whole examples, which stay in its cache from pass to pass, so that the result
// does not depend on the number of threads.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

struct bfloat16 {
    uint16_t bits;

    operator float() const {
        const uint32_t word = uint32_t(bits) << 16;
        float value;
        std::memcpy(&value, &word, 4);
        return value;
    }

    bfloat16 &operator=(float value) {  // rounds to nearest even
        uint32_t word;
        std::memcpy(&word, &value, 4);
        const uint32_t rounded = (word + 0x7fff + ((word >> 16) & 1)) >> 16;
        bits = uint16_t(value == value ? rounded : 0x7fc0);
        return *this;
    }
};

static inline double sigmoid(double u) { return 1 / (1 + std::exp(-u)); }

// exp(−u) = 2ⁿ · 2ʳ with |r| ≤ ½ and a polynomial for 2ʳ: compilers vectorize this, and not expf.
static inline float sigmoid(float u) {
    const float y = std::min(std::max(-1.442695041f * u, -126.f), 126.f);
    const float n = std::nearbyint(y), r = y - n;
    float power = 1.540353e-4f;
    for (float c : {1.333356e-3f, 9.618129e-3f, 5.550411e-2f, 2.402265e-1f, 6.931472e-1f, 1.f})
        power = power * r + c;
    const int32_t bits = (int32_t(n) + 127) << 23;
    float scale;
    std::memcpy(&scale, &bits, 4);
    return u == u ? 1 / (1 + power * scale) : u;
}

struct Shape {
    int64_t batch, pixels, channels, groups;
    int64_t width() const { return channels / groups; }
};

// From sums over pixels, (channels,): the mean over the pixels and channels of each one's group.
template <class A>
static void group_means(const A *sums, A *means, const Shape &shape) {
    for (int64_t first = 0; first < shape.channels; first += shape.width()) {
        A total = 0;
        for (int64_t c = first; c < first + shape.width(); c++) total += sums[c];
        std::fill_n(means + first, shape.width(), total / (shape.width() * shape.pixels));
    }
}

template <class T, class A>
static void forward(const T *x, const A *scale, const A *shift, T *y, A *mean, A *rstd, Shape shape,
                    A epsilon, int threads) {
    const int64_t C = shape.channels;
#pragma omp parallel for num_threads(threads)
    for (int64_t i = 0; i < shape.batch; i++) {
        const T *xi = x + i * shape.pixels * C;
        T *yi = y + i * shape.pixels * C;
        std::vector<A> work(6 * C);
        A *sum = work.data(), *m = sum + C, *square = m + C, *variance = square + C;
        A *a = variance + C, *b = a + C;
        for (int64_t p = 0; p < shape.pixels; p++)
#pragma omp simd
            for (int64_t c = 0; c < C; c++) sum[c] += A(xi[p * C + c]);
        group_means(sum, m, shape);
        for (int64_t p = 0; p < shape.pixels; p++)
#pragma omp simd
            for (int64_t c = 0; c < C; c++) {
                const A centred = A(xi[p * C + c]) - m[c];
                square[c] += centred * centred;
            }
        group_means(square, variance, shape);
        for (int64_t c = 0; c < C; c++) {
            const A r = 1 / std::sqrt(variance[c] + epsilon);
            a[c] = r * scale[i * C + c];
            b[c] = shift[i * C + c] - m[c] * a[c];
            mean[i * shape.groups + c / shape.width()] = m[c];
            rstd[i * shape.groups + c / shape.width()] = r;
        }
        for (int64_t p = 0; p < shape.pixels; p++)
#pragma omp simd
            for (int64_t c = 0; c < C; c++) {
                const A u = A(xi[p * C + c]) * a[c] + b[c];
                yi[p * C + c] = u * sigmoid(u);
            }
    }
}

// With x̂ = norm(x), u = scale · x̂ + shift and g = dL/du: dL/dx̂ = scale · g, and dL/dx is rstd times
// what is left of it after its mean and its projection on x̂ are taken away, group by group.
template <class T, class A>
static void backward(const T *x, const T *y_grad, const A *scale, const A *shift, const A *mean,
                     const A *rstd, T *x_grad, A *scale_grad, A *shift_grad, Shape shape,
                     int threads) {
    const int64_t C = shape.channels;
#pragma omp parallel for num_threads(threads)
    for (int64_t i = 0; i < shape.batch; i++) {
        const T *xi = x + i * shape.pixels * C, *yi_grad = y_grad + i * shape.pixels * C;
        T *xi_grad = x_grad + i * shape.pixels * C;
        A *si_grad = scale_grad + i * C, *hi_grad = shift_grad + i * C;
        std::vector<A> work((8 + shape.pixels) * C);
        A *r = work.data(), *m = r + C, *a = m + C, *b = a + C;
        A *average = b + C, *slope = average + C, *weighted = slope + C, *g = weighted + 2 * C;
        for (int64_t c = 0; c < C; c++) {
            r[c] = rstd[i * shape.groups + c / shape.width()];
            m[c] = mean[i * shape.groups + c / shape.width()];
            a[c] = r[c] * scale[i * C + c];
            b[c] = shift[i * C + c] - m[c] * a[c];
        }
        std::fill_n(si_grad, C, A(0));
        std::fill_n(hi_grad, C, A(0));
        for (int64_t p = 0; p < shape.pixels; p++)
#pragma omp simd
            for (int64_t c = 0; c < C; c++) {
                const A v = xi[p * C + c], u = v * a[c] + b[c], s = sigmoid(u);
                const A gu = A(yi_grad[p * C + c]) * s * (1 + u * (1 - s));
                g[p * C + c] = gu;
                hi_grad[c] += gu;
                si_grad[c] += gu * (v - m[c]) * r[c];
            }
        for (int64_t c = 0; c < C; c++) {
            weighted[c] = scale[i * C + c] * hi_grad[c];
            weighted[C + c] = scale[i * C + c] * si_grad[c];
        }
        group_means(weighted, average, shape);
        group_means(weighted + C, slope, shape);
        for (int64_t p = 0; p < shape.pixels; p++)
#pragma omp simd
            for (int64_t c = 0; c < C; c++) {
                const A normal = (A(xi[p * C + c]) - m[c]) * r[c];
                xi_grad[p * C + c] = a[c] * g[p * C + c] - r[c] * (average[c] + slope[c] * normal);
            }
    }
}

#define EXPORT(NAME, T, A)                                                                         \
    extern "C" void forward_##NAME(const T *x, const A *scale, const A *shift, T *y, A *mean,      \
                                   A *rstd, Shape shape, double epsilon, int threads) {            \
        forward<T, A>(x, scale, shift, y, mean, rstd, shape, A(epsilon), threads);                 \
    }                                                                                              \
    extern "C" void backward_##NAME(const T *x, const T *y_grad, const A *scale, const A *shift,   \
                                    const A *mean, const A *rstd, T *x_grad, A *scale_grad,        \
                                    A *shift_grad, Shape shape, int threads) {                     \
        backward<T, A>(x, y_grad, scale, shift, mean, rstd, x_grad, scale_grad, shift_grad, shape, \
                       threads);                                                                   \
    }

EXPORT(bfloat16, bfloat16, float)
EXPORT(float32, float, float)
EXPORT(float64, double, double)
