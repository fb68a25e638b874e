"""Everything that can be wrong with a model's files or rules, each message saying what to do.

ModelError
├── ModelMissing      a folder or file that should be there is not
├── ModelDamaged      bytes differ from what the manifest promises
├── ModelUnsupported  whole, but not made for this version of the product
├── ModelUnfaithful   whole and fitting, but it does not give its own recorded answers
├── NotPromotable     a version may not decide: it is worse, or not to be compared
├── RulesInvalid      floors.toml or systems.toml cannot be used
├── LexiconInvalid    a file of concepts cannot be used
├── CorpusInvalid     a training file cannot be read
└── CourseInvalid     what is said of a go-live contradicts itself
"""


class ModelError(Exception):
    """A model or its rules cannot be used; the message says why and what to do."""


class ModelMissing(ModelError):
    pass


class ModelDamaged(ModelError):
    pass


class ModelUnsupported(ModelError):
    pass


class ModelUnfaithful(ModelError):
    pass


class NotPromotable(ModelError):
    pass


class RulesInvalid(ModelError):
    pass


class LexiconInvalid(ModelError):
    pass


class CorpusInvalid(ModelError):
    pass


class CourseInvalid(ModelError):
    pass
