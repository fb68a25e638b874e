"""What versions are made of."""

from collections.abc import Sequence

from models.calibrate import COSTS, load_costs
from models.examples import CORPUS, PRACTICE, read_corpus, seen_before
from models.lexicon import LEXICON, load_lexicon
from models.local import Taught
from models.release import Material


def carried(local: Sequence[Taught] = ()) -> Material:
    """The corpus, practice, lexicon and costs that come with the product, and what people of a site confirmed."""
    return Material(read_corpus(CORPUS), load_lexicon(LEXICON), load_costs(COSTS), read_corpus(PRACTICE), seen_before(CORPUS), tuple(local))
