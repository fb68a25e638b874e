"""What versions are made of."""

from collections.abc import Sequence
from pathlib import Path

from models.calibrate import COSTS, load_costs
from models.examples import CORPUS, PRACTICE, read_corpus, seen_before
from models.lexicon import LEXICON, load_lexicon
from models.local import Taught
from models.release import Material


def material_of(corpus: Path = CORPUS, local: Sequence[Taught] = ()) -> Material:
    """Of the carried corpus, to which practice belongs, or of a folder of one's own; and of what people of a site confirmed."""
    practice = read_corpus(PRACTICE) if corpus == CORPUS else []
    return Material(read_corpus(corpus), load_lexicon(LEXICON), load_costs(COSTS), practice, seen_before(corpus), tuple(local))
