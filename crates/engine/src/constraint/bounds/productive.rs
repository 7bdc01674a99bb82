//! Productivity: which parts of a form a finite answer can satisfy.

/// Condition for a part to be productive: all of some parts, and one of each group.
#[derive(Clone, Debug, Default)]
pub(super) struct Need {
    all: Vec<usize>,
    any: Vec<Vec<usize>>,
}

impl Need {
    pub(super) fn all(&mut self, parts: impl IntoIterator<Item = usize>) {
        self.all.extend(parts);
    }

    pub(super) fn any(&mut self, parts: Vec<usize>) {
        self.any.push(parts);
    }

    /// Makes the part unproductive.
    pub(super) fn never(&mut self) {
        self.any.push(Vec::new());
    }
}

/// Whether each part is productive: the least fixed point, in time linear in the needs.
pub(super) fn all_productive(needs: &[&Need]) -> Vec<bool> {
    // Dependents of each part: another part, and the group in it that it satisfies.
    let mut waiting: Vec<Vec<(usize, Option<usize>)>> = vec![Vec::new(); needs.len()];
    let mut missing = Vec::with_capacity(needs.len());
    let mut met: Vec<Vec<bool>> = Vec::with_capacity(needs.len());
    for (at, need) in needs.iter().enumerate() {
        for part in &need.all {
            waiting[*part].push((at, None));
        }
        for (group, parts) in need.any.iter().enumerate() {
            for part in parts {
                waiting[*part].push((at, Some(group)));
            }
        }
        missing.push(need.all.len() + need.any.len());
        met.push(vec![false; need.any.len()]);
    }
    let mut productive: Vec<bool> = missing.iter().map(|missing| *missing == 0).collect();
    let mut ready: Vec<usize> = (0..needs.len()).filter(|at| productive[*at]).collect();
    while let Some(part) = ready.pop() {
        for (at, group) in &waiting[part] {
            let news = group.is_none_or(|group| !std::mem::replace(&mut met[*at][group], true));
            missing[*at] -= usize::from(news);
            if missing[*at] == 0 && !productive[*at] {
                productive[*at] = true;
                ready.push(*at);
            }
        }
    }
    productive
}
