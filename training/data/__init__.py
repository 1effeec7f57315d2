"""Data: images and labels, split once and for all, checked, and the batches made of them.

`load_data` (sources) returns Data: three parts and facts about them.  Any image of a part can be
read by its number (splits), so the batch of a step depends on (seed, step) alone (batches): a
killed run resumes where it stopped, and each worker reads only its share.
"""

from convbook.training.data.batches import batches, training_batches
from convbook.training.data.content import fingerprint
from convbook.training.data.moments import Statistics, statistics
from convbook.training.data.sources import digits, load_data
from convbook.training.data.splits import Data, Files, Records, Split, split
from convbook.training.data.summary import passport

__all__ = [
    "Data",
    "Files",
    "Records",
    "Split",
    "Statistics",
    "batches",
    "digits",
    "fingerprint",
    "load_data",
    "passport",
    "split",
    "statistics",
    "training_batches",
]
