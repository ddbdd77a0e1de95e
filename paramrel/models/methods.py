"""The methods of the study: one model, four choices, a row each."""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

FlowName = Literal["bayesian", "diffusion", "one_shot"]


Code = Literal["none", "theta", "mean", "x", "x_t"]


CodeTime = Literal["same", "later", "clean"]


RegularizerName = Literal["none", "kl", "mmd", "mutual_information"]


Sampler = Literal["self", "prior", "learned"]


Evidence = Literal["shared", "partial"]


@dataclass(frozen=True)
class Method:
    """One choice of each kind; gamma, lambda_ and beta are None where those of params.model count.

    flow: how the parameters θ_t that the decoder sees are made from x.
    code: what the encoder looks at: the parameters θ_s; the `mean` image under θ_s, which does not
        tell its time; the data x; the data and a time (`x_t`, as ParamReL's released code does); or
        nothing.
    code_time: when it looks, while the decoder decodes at t: at the `same` time s = t, at a `later`
        one s ~ U[t, 1], or at s = 1, where θ is `clean`. Codes of x are clean, of x_t the same.
    regularizer: nothing, β·rate, λ·MMD, or both weighed by γ and λ (`mutual_information`). Without
        a rate, the code is deterministic: z is the encoder's mean.
    sampler: where the code of a sample comes from, of all that the decoder was trained for: read
        anew from θ at every step (`self`; nothing to read without a code), drawn from the `prior`
        that the regularizer draws codes to, or from a prior that is `learned` of the codes.
    evidence: whether all variables of an example have a `shared` time, or `partial` evidence is
        trained on too, where some are known better than others and some not at all (`evidence`).
        Its networks are told the accuracy of each variable; a `mean` image, which are seen.
    """

    flow: FlowName
    code: Code
    code_time: CodeTime
    regularizer: RegularizerName
    sampler: Sampler
    summary: str
    gamma: float | None = None
    lambda_: float | None = None
    beta: float | None = None
    evidence: Evidence = "shared"

    @property
    def stochastic(self) -> bool:
        """Whether z is drawn from q(z | ·), and so has a finite rate."""
        return self.regularizer in ("kl", "mutual_information")

    @property
    def reads_theta(self) -> bool:
        """Whether the encoder is given θ, and so can be used while sampling."""
        return self.code in ("theta", "mean")

    @property
    def samplers(self) -> tuple[str, ...]:
        """Where the code of a sample is taken from: first what the method was trained for."""
        both = self.sampler == "self" and self.code != "none"
        return (self.sampler, "prior") if both else (self.sampler,)

    @property
    def no_bound(self) -> str | None:
        """Why no upper bound on −ln p(x) can be computed; None where one can."""
        if self.code == "none":
            return None
        if not self.stochastic:
            return "its code is deterministic, so sending it has an infinite rate"
        if self.code == "x_t":
            return "its code is another one at every time, and the rate of each had to be paid"
        return None


METHODS = {
    "ae": Method("one_shot", "x", "clean", "none", "learned", "autoencoder"),
    "vae": Method("one_shot", "x", "clean", "kl", "prior", "variational autoencoder", beta=1.0),
    "beta_vae": Method("one_shot", "x", "clean", "kl", "prior", "VAE with its rate weighed by β"),
    "infovae": Method(
        "one_shot", "x", "clean", "mutual_information", "prior", "VAE weighed by γ and λ"
    ),
    "ddpm": Method("diffusion", "none", "clean", "none", "self", "plain diffusion, no code"),
    "diffae": Method(
        "diffusion", "x", "clean", "none", "learned", "diffusion told a deterministic code of x"
    ),
    # γ = ζ = 1, λ = 0.1 of the published tables (Wang et al. 2023, arXiv 2306.08757): the loss of a
    # diffusion, |ε − ε̂|², is no nats, and a rate beside it, or a larger λ, kills the code
    "infodiffusion": Method(
        "diffusion", "x", "clean", "mmd", "prior", "DiffAE, its code matched", lambda_=0.1
    ),
    "infodiffusion_stochastic": Method(
        "diffusion",
        "x",
        "clean",
        "mutual_information",
        "prior",
        "diffusion told a noisy code of x",
        gamma=1.0,
        lambda_=0.1,
    ),
    "ddpm_theta": Method(
        "diffusion",
        "theta",
        "later",
        "mutual_information",
        "self",
        "ParamReL on a diffusion",
        gamma=1.0,
        lambda_=0.1,
    ),
    "bfn": Method(
        "bayesian", "none", "clean", "none", "self", "plain Bayesian Flow Network, no code"
    ),
    "paramrel": Method(
        "bayesian", "theta", "later", "mutual_information", "self", "code of a later time s ≥ t"
    ),
    "paramrel_same": Method(
        "bayesian",
        "theta",
        "same",
        "mutual_information",
        "self",
        "code and decoder at the same time t",
    ),
    "paramrel_clean": Method(
        "bayesian", "theta", "clean", "mutual_information", "prior", "code of the last time s = 1"
    ),
    "paramrel_mean": Method(
        "bayesian", "mean", "later", "mutual_information", "self", "code of a later mean image"
    ),
    "paramrel_x": Method(
        "bayesian", "x", "clean", "mutual_information", "prior", "code of the data x"
    ),
    "paramrel_xt": Method(
        "bayesian", "x_t", "same", "mutual_information", "prior", "code of the data x and a time"
    ),
    "paramrel_deterministic": Method(
        "bayesian", "theta", "later", "none", "self", "code of a later time, without noise"
    ),
    "paramrel_clean_deterministic": Method(
        "bayesian", "theta", "clean", "none", "learned", "code of the last time, without noise"
    ),
    "paramrel_x_deterministic": Method(
        "bayesian", "x", "clean", "none", "learned", "code of the data x, without noise"
    ),
    "bfn_evidence": Method(
        "bayesian",
        "none",
        "clean",
        "none",
        "self",
        "plain Bayesian Flow Network, told each accuracy",
        evidence="partial",
    ),
    "paramrel_evidence": Method(
        "bayesian",
        "theta",
        "later",
        "mutual_information",
        "self",
        "code of partial evidence",
        evidence="partial",
    ),
    "paramrel_mean_evidence": Method(
        "bayesian",
        "mean",
        "later",
        "mutual_information",
        "self",
        "code of a mean image and its mask",
        evidence="partial",
    ),
}


def get_method(name: str) -> Method:
    """Return a method by name; ValueError for an unknown one, with the nearest name, or all."""
    if name not in METHODS:
        nearest = [f"did you mean {near!r}?" for near in get_close_matches(name, METHODS, n=1)]
        hint = nearest[0] if nearest else f"methods are {', '.join(METHODS)}"
        raise ValueError(f"method is {name!r}, which there is not; {hint}")
    return METHODS[name]
