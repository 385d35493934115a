//! Which digits make which grid: a fixed list, or a rule by which they are drawn.

use crate::digits::Digits;
use crate::error::Error;
use crate::layout::Layout;

/// Where an epoch's grids come from.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum GridSource {
    /// The same grids in every epoch, in another order each time.
    Fixed(IndexMap),
    /// New grids in every epoch, each digit drawn with replacement.
    Fresh {
        /// How many an epoch has.
        grids: usize,
    },
    /// New grids in every epoch, of digits of several kinds.
    Mixed {
        /// How many an epoch has.
        grids: usize,
        /// For each kind but the first: where its digits begin, after those of the kind before, and the share of digits that
        /// are of it.
        kinds: Vec<(usize, f64)>,
    },
}

impl GridSource {
    /// Grids of one epoch.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Fixed(map) => map.len(),
            Self::Fresh { grids } | Self::Mixed { grids, .. } => *grids,
        }
    }

    /// Refuses what cannot give a picture of `layout` with this many `digits`.
    pub(crate) fn check(&self, layout: Layout, digits: usize) -> Result<(), Error> {
        match self {
            Self::Fixed(map) => map.check(layout, digits),
            Self::Fresh { .. } => Ok(()),
            Self::Mixed { kinds, .. } => {
                let begins = || [0].into_iter().chain(kinds.iter().map(|kind| kind.0)).chain([digits]);
                let total: f64 = kinds.iter().map(|kind| kind.1).sum();
                if begins().is_sorted_by(|a, b| a < b)
                    && kinds.iter().all(|kind| kind.1 >= 0.0)
                    && total <= 1.0
                {
                    return Ok(());
                }
                let what = format!("{digits} digits, with other kinds (first digit, share) {kinds:?}");
                let fix =
                    "begin each kind after the one before; shares are at least 0, and at most 1 together";
                Err(Error::BadGrid { what, fix })
            }
        }
    }
}

/// Which digits make which grid: for each grid, the indices of its digits, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexMap {
    indices: Vec<u32>,
    cells: usize,
}

impl IndexMap {
    /// Grids of `cells` digits each.
    ///
    /// # Errors
    /// [`Error::BadGrid`] if `cells` is 0 or `indices` does not fill whole grids.
    pub fn new(indices: Vec<u32>, cells: usize) -> Result<Self, Error> {
        if cells == 0 || !indices.len().is_multiple_of(cells) {
            let what = format!("{} indices are no whole grids of {cells} cells", indices.len());
            return Err(Error::BadGrid { what, fix: "pass one index for each cell of each grid" });
        }
        Ok(Self { indices, cells })
    }

    /// Grids of `cells` digits by one writer each, writer after writer, in the order of `digits`. No digit stands in two grids; a
    /// writer's last digits are left out where they fill none.
    ///
    /// # Errors
    /// [`Error::BadGrid`] if `cells` is 0, the writers are not known, or none of them wrote so many digits.
    pub fn writer_by_writer(digits: &Digits, cells: usize) -> Result<Self, Error> {
        let groups = digits.by_writer().ok_or_else(|| Error::BadGrid {
            what: format!("nothing tells who wrote the {} digits", digits.len()),
            fix: "take digits whose writers are known",
        })?;
        let whole = |group: &Vec<u32>| group.len() - group.len() % cells.max(1);
        let map =
            Self::new(groups.iter().flat_map(|group| &group[..whole(group)]).copied().collect(), cells)?;
        if map.is_empty() {
            let what = format!("no writer wrote {cells} of the {} digits", digits.len());
            return Err(Error::BadGrid { what, fix: "take more digits, or a smaller layout" });
        }
        Ok(map)
    }

    /// How many grids.
    pub fn len(&self) -> usize {
        self.indices.len() / self.cells
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Digits in one grid.
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// The indices of grid `i`'s digits, row by row.
    ///
    /// # Panics
    /// If `i` is not below [`len`](Self::len).
    pub fn grid(&self, i: usize) -> &[u32] {
        &self.indices[i * self.cells..(i + 1) * self.cells]
    }

    /// Refuses grids of another size than `layout` has, and indices that `digits` digits do not have.
    pub(crate) fn check(&self, layout: Layout, digits: usize) -> Result<(), Error> {
        if self.cells != layout.max_digits() {
            let what = format!("index map of {} cells for the layout {layout}", self.cells);
            return Err(Error::BadGrid { what, fix: "draw the index map for this layout" });
        }
        match self.indices.iter().find(|&&index| index as usize >= digits) {
            Some(index) => {
                let what = format!("index map names digit {index} of {digits}");
                Err(Error::BadGrid { what, fix: "use it with the digits that it was drawn for" })
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mnist::Split;
    use crate::synthetic;

    #[test]
    fn index_maps_hold_whole_grids_only() {
        let map = IndexMap::new((0..12).collect(), 3).unwrap();
        assert_eq!((map.len(), map.cells(), map.grid(2)), (4, 3, [6, 7, 8].as_slice()));
        assert!(IndexMap::new(vec![0; 11], 3).is_err() && IndexMap::new(vec![], 0).is_err());
    }

    #[test]
    fn grids_writer_by_writer_hold_each_digit_at_most_once() {
        let digits = synthetic::digits(Split::Test, 11, 0);
        let written = digits.clone().with_writers(vec![7, 3, 7, 7, 3, 9, 7, 7, 3, 3, 7]).unwrap();
        let map = IndexMap::writer_by_writer(&written, 2).unwrap();
        let grids: Vec<&[u32]> = (0..map.len()).map(|i| map.grid(i)).collect();
        assert_eq!(grids, [[1, 4], [8, 9], [0, 2], [3, 6], [7, 10]]);
        assert!(IndexMap::writer_by_writer(&written, 0).is_err());
        for (digits, cells, problem) in [
            (digits.without_writers(), 2, "nothing tells who wrote the 11 digits"),
            (written, 7, "no writer wrote 7 of the 11 digits"),
        ] {
            let message = IndexMap::writer_by_writer(&digits, cells).unwrap_err().to_string();
            assert!(message.contains(problem), "{message}");
        }
    }
}
