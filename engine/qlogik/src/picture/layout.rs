//! Where shapes stand: layers down the page, order within them by barycentres.
//!
//! Long arrows pass through layers by way-points, so that they bend around shapes. Driven by the SVG writer.

/// Rounds of ordering, down and up.
const SWEEPS: usize = 12;
/// Space between shapes of a layer.
const GAP: f64 = 26.0;
/// Space between layers.
const LAYER_GAP: f64 = 56.0;
/// How wide a picture is against its height, where shapes alone decide.
const ASPECT: f64 = 1.6;
/// A picture may be this wide in any case.
const WIDTH_LEAST: f64 = 1500.0;
/// Room that an arrow takes where it passes a layer.
const WAY_POINT: f64 = 6.0;
/// Space beside it.
const WAY_GAP: f64 = 6.0;

/// A laid out picture.
pub(super) struct Layout {
    /// Centre and top of each shape.
    pub(super) places: Vec<(f64, f64)>,
    /// Points that each arrow passes between its ends: two of one height after the other are joined by a bend that stays
    /// between them.
    pub(super) ways: Vec<Vec<(f64, f64)>>,
    pub(super) width: f64,
    pub(super) height: f64,
}

struct Item {
    width: f64,
    height: f64,
    layer: usize,
    above: Vec<usize>,
    below: Vec<usize>,
    x: f64,
}

impl Item {
    /// Its width with the space beside it; a way-point has no height.
    fn room(&self) -> f64 {
        self.width + if self.height > 0.0 { GAP } else { WAY_GAP }
    }
}

/// Lays out shapes of these sizes and arrows, which run in no circle.
pub(super) fn layout(sizes: &[(f64, f64)], arrows: &[(usize, usize)]) -> Layout {
    let layers = layers(sizes, arrows);
    let mut items: Vec<Item> = sizes
        .iter()
        .zip(&layers)
        .map(|(&(width, height), &layer)| Item { width, height, layer, above: vec![], below: vec![], x: 0.0 })
        .collect();
    let mut chains: Vec<Vec<usize>> = Vec::new();
    for &(from, to) in arrows {
        let mut chain = Vec::new();
        let mut last = from;
        for layer in layers[from] + 1..layers[to] {
            items.push(Item { width: WAY_POINT, height: 0.0, layer, above: vec![last], below: vec![], x: 0.0 });
            let way = items.len() - 1;
            items[last].below.push(way);
            chain.push(way);
            last = way;
        }
        items[last].below.push(to);
        items[to].above.push(last);
        chains.push(chain);
    }
    let count = layers.iter().max().map_or(0, |layer| layer + 1);
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); count];
    (0..items.len()).for_each(|item| rows[items[item].layer].push(item));
    place(&mut items, &mut rows);
    let (tops, height) = tops(&items, &rows);
    let left = items.iter().map(|item| item.x - item.width / 2.0).fold(f64::INFINITY, f64::min);
    let right = items.iter().map(|item| item.x + item.width / 2.0).fold(f64::NEG_INFINITY, f64::max);
    let left = if items.is_empty() { 0.0 } else { left };
    let point = |item: usize| (items[item].x - left, tops[items[item].layer]);
    let row_height = |item: usize| heights(&items, &rows[items[item].layer]);
    let top_and_bottom = |item: usize| {
        let (x, top) = point(item);
        [(x, top), (x, top + row_height(item))]
    };
    Layout {
        places: (0..sizes.len())
            .map(|item| (point(item).0, point(item).1 + (row_height(item) - items[item].height) / 2.0))
            .collect(),
        ways: chains.iter().zip(arrows).map(|(chain, &ends)| way(chain, ends, &top_and_bottom)).collect(),
        width: if items.is_empty() { 0.0 } else { right - left },
        height,
    }
}

/// The points of an arrow between its shapes: straight through each row, also those of its ends, so that it bends between the
/// rows only, where no shape is in the way.
fn way(
    chain: &[usize],
    (from, to): (usize, usize),
    top_and_bottom: &impl Fn(usize) -> [(f64, f64); 2],
) -> Vec<(f64, f64)> {
    let passed = chain.iter().flat_map(|&item| top_and_bottom(item));
    std::iter::once(top_and_bottom(from)[1]).chain(passed).chain([top_and_bottom(to)[0]]).collect()
}

/// The layer of each shape: the longest way from above; but what has more arrows out than in stands right above where they
/// lead, and a layer that is too wide for the picture becomes several.
fn layers(sizes: &[(f64, f64)], arrows: &[(usize, usize)]) -> Vec<usize> {
    let count = sizes.len();
    let mut layers = vec![0; count];
    let mut balance = vec![0_i64; count];
    // Without circles this is done after as many rounds as there are layers.
    for _ in 0..count {
        let mut changed = false;
        for &(from, to) in arrows {
            if layers[to] < layers[from] + 1 {
                layers[to] = layers[from] + 1;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    for &(from, to) in arrows {
        balance[from] += 1;
        balance[to] -= 1;
    }
    for _ in 0..count {
        let mut nearest = vec![usize::MAX; count];
        arrows.iter().for_each(|&(from, to)| nearest[from] = nearest[from].min(layers[to]));
        let mut changed = false;
        for shape in (0..count).filter(|&shape| balance[shape] > 0 && nearest[shape] != usize::MAX) {
            changed |= layers[shape] != nearest[shape] - 1;
            layers[shape] = nearest[shape] - 1;
        }
        if !changed {
            break;
        }
    }
    split(sizes, arrows, &layers)
}

/// Layers no wider than the picture may be. No arrow joins two shapes of one layer, so any part of it may stand below the
/// rest; shapes whose arrows lead nearest go lowest.
fn split(sizes: &[(f64, f64)], arrows: &[(usize, usize)], layers: &[usize]) -> Vec<usize> {
    let area: f64 = sizes.iter().map(|(width, height)| (width + GAP) * (height + LAYER_GAP)).sum();
    let widest = (area * ASPECT).sqrt().max(WIDTH_LEAST);
    let mut nearest = vec![usize::MAX; sizes.len()];
    arrows.iter().for_each(|&(from, to)| nearest[from] = nearest[from].min(layers[to]));
    let mut split = vec![0; sizes.len()];
    let mut next = 0;
    for layer in 0..layers.iter().max().map_or(0, |last| last + 1) {
        let mut row: Vec<usize> = (0..sizes.len()).filter(|&shape| layers[shape] == layer).collect();
        let width: f64 = row.iter().map(|&shape| sizes[shape].0 + GAP).sum();
        let share = width / (width / widest).ceil().max(1.0);
        row.sort_by_key(|&shape| std::cmp::Reverse(nearest[shape]));
        let mut used = 0.0;
        for shape in row {
            if used > 0.0 && used + (sizes[shape].0 + GAP) / 2.0 > share {
                next += 1;
                used = 0.0;
            }
            split[shape] = next;
            used += sizes[shape].0 + GAP;
        }
        next += 1;
    }
    split
}

/// Orders the rows and finds places along them, in sweeps down and up.
fn place(items: &mut [Item], rows: &mut [Vec<usize>]) {
    for row in rows.iter() {
        spread(items, row, &|_| 0.0);
    }
    let mut wishes = vec![0.0; items.len()];
    for sweep in 0..SWEEPS {
        let is_down = sweep % 2 == 0;
        for step in 0..rows.len() {
            let at = if is_down { step } else { rows.len() - 1 - step };
            for &item in &rows[at] {
                let beside = if is_down { &items[item].above } else { &items[item].below };
                wishes[item] = match beside.len() {
                    0 => items[item].x,
                    count => beside.iter().map(|&other| items[other].x).sum::<f64>() / count as f64,
                };
            }
            rows[at].sort_by(|&a, &b| wishes[a].total_cmp(&wishes[b]));
            spread(items, &rows[at], &|item| wishes[item]);
        }
    }
}

/// Puts the items of a row as near to their wishes as their order and widths allow (least squares, by merging blocks).
fn spread(items: &mut [Item], row: &[usize], wish: &dyn Fn(usize) -> f64) {
    // A block: its first place in the row, the sum of what its start wants to be, how many items, and its width.
    let mut blocks: Vec<(usize, f64, f64, f64)> = Vec::new();
    for (place, &item) in row.iter().enumerate() {
        let width = items[item].room();
        blocks.push((place, wish(item) - width / 2.0, 1.0, width));
        while let [.., before, last] = blocks.as_slice() {
            if before.1 / before.2 + before.3 <= last.1 / last.2 {
                break;
            }
            let merged = (before.0, before.1 + last.1 - before.3 * last.2, before.2 + last.2, before.3 + last.3);
            blocks.truncate(blocks.len() - 2);
            blocks.push(merged);
        }
    }
    for (index, block) in blocks.iter().enumerate() {
        let end = blocks.get(index + 1).map_or(row.len(), |next| next.0);
        let mut x = block.1 / block.2;
        for &item in &row[block.0..end] {
            let width = items[item].room();
            items[item].x = x + width / 2.0;
            x += width;
        }
    }
}

fn heights(items: &[Item], row: &[usize]) -> f64 {
    row.iter().map(|&item| items[item].height).fold(0.0, f64::max)
}

fn tops(items: &[Item], rows: &[Vec<usize>]) -> (Vec<f64>, f64) {
    let mut tops = Vec::new();
    let mut y = 0.0;
    for row in rows {
        tops.push(y);
        y += heights(items, row) + LAYER_GAP;
    }
    (tops, (y - LAYER_GAP).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_do_not_overlap_and_arrows_point_down() {
        let sizes = vec![(100.0, 40.0); 12];
        let arrows: Vec<(usize, usize)> =
            (1..12).flat_map(|to| [(to / 2, to), (0, to)]).filter(|(a, b)| a != b).collect();
        let done = layout(&sizes, &arrows);
        for (place, a) in done.places.iter().enumerate() {
            for b in &done.places[place + 1..] {
                assert!((a.0 - b.0).abs() >= 100.0 || (a.1 - b.1).abs() >= 40.0, "{a:?} {b:?}");
            }
            assert!(a.0 >= 50.0 - 1e-9 && a.0 <= done.width - 50.0 + 1e-9 && a.1 + 40.0 <= done.height + 1e-9);
        }
        assert!(arrows.iter().all(|&(from, to)| done.places[from].1 < done.places[to].1));
    }

    #[test]
    fn arrows_bend_only_where_no_shape_is_in_the_way() {
        // Shapes of different heights in one layer, and arrows past several layers.
        let sizes: Vec<(f64, f64)> =
            (0..14).map(|at| (70.0 + f64::from(at % 5) * 20.0, 30.0 + f64::from(at % 4) * 25.0)).collect();
        let arrows: Vec<(usize, usize)> =
            (1..14).flat_map(|to| [(to / 2, to), (to / 5, to), (0, to)]).filter(|(a, b)| a != b).collect();
        let done = layout(&sizes, &arrows);
        for (&(from, to), way) in arrows.iter().zip(&done.ways) {
            let begin = (done.places[from].0, done.places[from].1 + sizes[from].1);
            let points: Vec<(f64, f64)> =
                std::iter::once(begin).chain(way.iter().copied()).chain([done.places[to]]).collect();
            for pair in points.windows(2) {
                let (x, y) = (pair.iter().map(|point| point.0), pair.iter().map(|point| point.1));
                let [low, high] = [x.clone().fold(f64::MAX, f64::min), x.fold(f64::MIN, f64::max)];
                let [top, bottom] = [y.clone().fold(f64::MAX, f64::min), y.fold(f64::MIN, f64::max)];
                for (shape, (&(centre, above), &(width, height))) in done.places.iter().zip(&sizes).enumerate() {
                    let beside = high <= centre - width / 2.0 || low >= centre + width / 2.0;
                    let apart = bottom <= above + 1e-9 || top >= above + height - 1e-9;
                    assert!(beside || apart, "{from} → {to} crosses {shape}: {pair:?}");
                }
            }
        }
    }

    #[test]
    fn a_layer_too_wide_for_the_picture_becomes_several() {
        let sizes = vec![(120.0, 40.0); 300];
        // A hundred causes of one effect each, and a hundred more of one effect together.
        let arrows: Vec<(usize, usize)> = (0..100).map(|i| (i, 100 + i)).chain((200..299).map(|i| (i, 299))).collect();
        let done = layout(&sizes, &arrows);
        assert!(done.width < 6.0 * done.height && done.height < 6.0 * done.width, "{} {}", done.width, done.height);
        assert!(arrows.iter().all(|&(from, to)| done.places[from].1 < done.places[to].1));
    }
}
