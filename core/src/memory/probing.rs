//! Open addressing over borrowed cells: the table beneath [`Index`](super::Index) and
//! [`Lingering`](super::Lingering).
//!
//! Linear probing from a home cell, at most three quarters full. Removing shifts what follows back by one, so
//! there are no tombstones and a table that was busy for years is as fast as a new one. Any number of cells will
//! do: a home is found by multiplication, not by a mask or a remainder.

/// What a table is made of.
pub(super) trait Cell: Copy {
    /// A cell that holds nothing.
    const EMPTY: Self;

    /// Evenly spread bits that say where the cell belongs; none for one that holds nothing.
    fn bits(&self) -> Option<u32>;
}

/// Cells, some of them filled.
pub(super) struct Table<'s, C> {
    cells: &'s mut [C],
    len: usize,
}

/// How many of `cells` cells may be filled.
pub(super) const fn capacity(cells: usize) -> usize {
    cells - cells.div_ceil(4)
}

/// How many cells it takes for `filled` of them to be filled.
pub(super) const fn cells(filled: usize) -> usize {
    filled.saturating_add(filled.div_ceil(3))
}

impl<'s, C: Cell> Table<'s, C> {
    pub(super) fn new(cells: &'s mut [C]) -> Self {
        let cells = super::numbered(cells);
        cells.fill(C::EMPTY);
        Self { cells, len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn cells(&self) -> usize {
        self.cells.len()
    }

    pub(super) const fn capacity(&self) -> usize {
        capacity(self.cells.len())
    }

    pub(super) fn get(&self, position: usize) -> Option<&C> {
        self.cells.get(position)
    }

    pub(super) fn get_mut(&mut self, position: usize) -> Option<&mut C> {
        self.cells.get_mut(position)
    }

    const fn home(&self, bits: u32) -> usize {
        ((bits as u64 * self.cells.len() as u64) >> 32) as usize
    }

    const fn following(&self, position: usize) -> usize {
        if position + 1 < self.cells.len() { position + 1 } else { 0 }
    }

    /// How many steps lead from one cell to another.
    const fn steps(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.cells.len() - from }
    }

    /// Fills a cell; false when the table is full.
    pub(super) fn insert(&mut self, cell: C) -> bool {
        let Some(bits) = cell.bits() else { return false };
        if self.len >= self.capacity() {
            return false;
        }
        let Some(position) = self.probe(bits, |_| false).1 else { return false };
        let Some(place) = self.cells.get_mut(position) else { return false };
        *place = cell;
        self.len += 1;
        true
    }

    /// Where the cell of these bits is that `is` recognises.
    pub(super) fn find(&self, bits: u32, is: impl FnMut(&C) -> bool) -> Option<usize> {
        self.probe(bits, is).0
    }

    /// Walks from home to the cell that is recognised, or else to the first empty one.
    fn probe(&self, bits: u32, mut is: impl FnMut(&C) -> bool) -> (Option<usize>, Option<usize>) {
        let mut position = self.home(bits);
        for _ in 0..self.cells.len() {
            match self.cells.get(position) {
                Some(cell) if cell.bits().is_none() => return (None, Some(position)),
                Some(cell) if is(cell) => return (Some(position), None),
                _ => position = self.following(position),
            }
        }
        (None, None)
    }

    /// Empties the cell at `position`; cells behind it may move towards it, never past it.
    pub(super) fn remove(&mut self, position: usize) {
        if self.cells.get(position).is_none_or(|cell| cell.bits().is_none()) {
            return;
        }
        let (mut hole, mut next) = (position, self.following(position));
        while let Some(&cell) = self.cells.get(next) {
            let Some(bits) = cell.bits() else { break };
            // A cell may move into the hole unless its home lies behind it. Never full, so an empty one comes.
            if self.steps(self.home(bits), next) >= self.steps(hole, next) {
                self.put(hole, cell);
                hole = next;
            }
            next = self.following(next);
        }
        self.put(hole, C::EMPTY);
        self.len -= 1;
    }

    fn put(&mut self, position: usize, cell: C) {
        if let Some(place) = self.cells.get_mut(position) {
            *place = cell;
        }
    }
}
