//! Layers of an address space: each gives a label to every address. Sweeping them together gives the ranges
//! in which none of them changes.

use super::databases::GeoError;

/// One layer: the places where its label changes, in order, beginning with address 0.
pub(super) type Layer<'a> = Box<dyn FnMut() -> Result<Option<(u128, u32)>, GeoError> + 'a>;

/// A layer from a list of changes.
pub(super) fn listed<'a>(changes: Vec<(u128, u32)>) -> Layer<'a> {
    let mut changes = changes.into_iter();
    Box::new(move || Ok(changes.next()))
}

/// Calls `emit(first, last, labels)` for each range of an address space of `bits` bits in which no layer changes.
pub(super) fn sweep(
    bits: u8,
    layers: &mut [Layer<'_>],
    mut emit: impl FnMut(u128, u128, &[u32]) -> Result<(), GeoError>,
) -> Result<(), GeoError> {
    let end = u128::MAX >> (128 - bits);
    let mut labels = vec![0; layers.len()];
    let mut next = Vec::with_capacity(layers.len());
    for layer in layers.iter_mut() {
        next.push(layer()?);
    }
    let mut first = 0;
    loop {
        for (index, layer) in layers.iter_mut().enumerate() {
            while let Some((at, label)) = next[index]
                && at == first
            {
                labels[index] = label;
                next[index] = layer()?;
            }
        }
        let change = next.iter().flatten().map(|(at, _)| *at).min();
        emit(first, change.map_or(end, |at| at - 1), &labels)?;
        match change {
            Some(at) => first = at,
            None => return Ok(()),
        }
    }
}

/// A block with something written on it: first address, prefix length, label.
pub(super) type Block<T> = (u128, u8, T);

/// The changes of a layer of blocks that may stand inside each other; `label` is given the labels of all blocks
/// around an address, the outermost first.
pub(super) fn nested<T: Copy>(
    bits: u8,
    mut blocks: Vec<Block<T>>,
    mut label: impl FnMut(&[T]) -> u32,
) -> Vec<(u128, u32)> {
    let end = u128::MAX >> (128 - bits);
    let last_of = |first: u128, length: u8| first | end.checked_shr(u32::from(length)).unwrap_or(0);
    blocks.sort_by_key(|(first, length, _)| (*first, *length));
    let mut changes = vec![(0, label(&[]))];
    let mut change = |at: u128, label: u32| match changes.last_mut() {
        Some(last) if last.0 == at => last.1 = label,
        Some(last) if last.1 == label => {}
        _ => changes.push((at, label)),
    };
    let mut open: Vec<T> = Vec::new();
    let mut lasts: Vec<u128> = Vec::new();
    for (first, length, what) in blocks {
        while let Some(last) = lasts.pop_if(|last| *last < first) {
            open.pop();
            change(last + 1, label(&open));
        }
        open.push(what);
        lasts.push(last_of(first, length));
        change(first, label(&open));
    }
    while let Some(last) = lasts.pop() {
        open.pop();
        if last < end {
            change(last + 1, label(&open));
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_blocks_give_the_labels_around_each_address() {
        let blocks = vec![(0x10, 4, 1), (0x14, 6, 2), (0x20, 4, 3), (0xff, 8, 4)];
        let changes = nested(8, blocks, |open| open.iter().fold(0, |all, label| all * 10 + label));
        assert_eq!(changes, [(0, 0), (0x10, 1), (0x14, 12), (0x18, 1), (0x20, 3), (0x30, 0), (0xff, 4)]);
    }

    #[test]
    fn a_sweep_covers_the_space_once_and_sees_every_change() {
        let mut layers = [listed(vec![(0, 1), (5, 2)]), listed(vec![(0, 7), (5, 8), (9, 7)])];
        let mut seen = Vec::new();
        sweep(4, &mut layers, |first, last, labels| {
            seen.push((first, last, labels.to_vec()));
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, [(0, 4, vec![1, 7]), (5, 8, vec![2, 8]), (9, 15, vec![2, 7])]);
    }
}
