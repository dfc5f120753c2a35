//! Strongly connected components: the nodes of a graph that reach each other.

/// One visited node: its number in the order of the visits, and the least that it reaches.
#[derive(Debug, Clone, Copy)]
struct Visit {
    number: usize,
    least: usize,
    /// Its component is still being gathered.
    open: bool,
}

/// Tarjan's search, without recursion into nodes that were seen.
struct Search<'a> {
    arrows: &'a [Vec<usize>],
    visits: Vec<Option<Visit>>,
    count: usize,
    open: Vec<usize>,
    components: Vec<Vec<usize>>,
}

/// Returns the components of more than one node, each in order; `arrows` lists the targets of each
/// node.
pub(super) fn circles(arrows: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search {
        arrows,
        visits: vec![None; arrows.len()],
        count: 0,
        open: Vec::new(),
        components: Vec::new(),
    };
    for node in 0..arrows.len() {
        if search.visit_of(node).is_none() {
            search.visit(node);
        }
    }
    let mut circles = search.components;
    circles.retain(|component| component.len() > 1);
    circles.sort();
    circles
}

impl Search<'_> {
    fn visit_of(&self, node: usize) -> Option<Visit> {
        self.visits.get(node).copied().flatten()
    }

    fn note(&mut self, node: usize, visit: Visit) {
        if let Some(slot) = self.visits.get_mut(node) {
            *slot = Some(visit);
        }
    }

    /// Returns the least number that the node reaches.
    fn visit(&mut self, node: usize) -> usize {
        let number = self.count;
        self.count += 1;
        let mut visit = Visit {
            number,
            least: number,
            open: true,
        };
        self.note(node, visit);
        self.open.push(node);
        for target in self.arrows.get(node).into_iter().flatten() {
            let reached = match self.visit_of(*target) {
                None => self.visit(*target),
                Some(seen) if seen.open => seen.number,
                Some(_) => continue,
            };
            visit.least = visit.least.min(reached);
        }
        self.note(node, visit);
        if visit.least == number {
            self.close(node);
        }
        visit.least
    }

    /// Takes the component of its first visited node from those that are open.
    fn close(&mut self, first: usize) {
        let at = self.open.iter().position(|node| *node == first);
        let mut component = self.open.split_off(at.unwrap_or(self.open.len()));
        for node in &component {
            if let Some(Some(visit)) = self.visits.get_mut(*node) {
                visit.open = false;
            }
        }
        component.sort_unstable();
        self.components.push(component);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nodes_that_reach_each_other_are_one_circle() {
        // 0 -> 1 -> 2 -> 1, 2 -> 3 -> 4 -> 3, 5 -> 5
        let arrows = [vec![1], vec![2], vec![1, 3], vec![4], vec![3], vec![5]];
        assert_eq!(circles(&arrows), [vec![1, 2], vec![3, 4]]);
    }

    #[test]
    fn a_tree_and_a_diamond_have_no_circle() {
        assert!(circles(&[vec![1, 2], vec![3], vec![3], vec![]]).is_empty());
    }

    #[test]
    fn a_long_way_round_is_one_circle() {
        let ring: Vec<_> = (0..50).map(|node| vec![(node + 1) % 50]).collect();
        assert_eq!(circles(&ring), [(0..50).collect::<Vec<_>>()]);
    }
}
