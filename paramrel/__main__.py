"""`python -m paramrel`: which commands there are."""

print(
    "python -m paramrel.data    list the data sets, prepare one\n"
    "python -m paramrel.study   check and change the study's parameters, train, refresh notebooks\n"
    "Each says more with --help."
)
