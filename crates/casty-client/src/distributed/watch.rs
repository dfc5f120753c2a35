//! The watch over the node that has granted something: what it granted is gone with it.

use std::sync::Arc;

use crate::client::region::EntityRef;
use crate::distributed::error::HoldLost;
use casty_proto::NodeAddress;
use casty_routing::View;

/// The node that has, or may have, granted something, beside the views that come since.
///
/// Which one that is only the end of the ask tells. Views and route may name another when it is sent, as a
/// node that has died and is not known to be dead.
pub(super) struct Watch {
    entity: EntityRef,
    /// The node that is watched; `None` while nothing is known of any.
    by: Option<Process>,
    /// The node that was most likely to be asked.
    expected: Option<Process>,
    /// The owner that views named then, which may be behind the node that answered.
    named: Option<NodeAddress>,
    /// Set if something was granted, though it may be unknown by whom.
    is_granted: bool,
}

/// One process of a node.
struct Process {
    node: NodeAddress,
    /// The member's id; `None` if no view has listed it yet.
    id: Option<Arc<str>>,
}

impl Process {
    /// Returns the process of a node, as a view lists it.
    fn of(node: NodeAddress, view: Option<&View>) -> Self {
        let id = view.and_then(|view| Some(view.member(&node)?.id.clone()));
        Self { node, id }
    }
}

impl Watch {
    /// Begins to watch, before anything is asked.
    pub(super) fn over(entity: &EntityRef) -> Self {
        let view = entity.region().core().view.borrow().clone();
        let view = view.as_deref();
        let owner = owner(entity, view);
        Self {
            entity: entity.clone(),
            by: None,
            expected: owner.map(|owner| Process::of(owner, view)),
            named: view.and_then(|view| named(entity, view)).cloned(),
            is_granted: false,
        }
    }

    /// Returns the view that there is.
    fn view(&self) -> Option<Arc<View>> {
        self.entity.region().core().view.borrow().clone()
    }

    /// Notes that a node has granted something. Returns the error if that is lost already.
    pub(super) fn granted(&mut self, by: Option<NodeAddress>) -> Option<HoldLost> {
        self.is_granted = true;
        if by.is_some() {
            return self.bind(by);
        }
        // Its connection ended with the answer, so it is not known any more. Most likely it is the owner.
        let view = self.view();
        self.bind(owner(&self.entity, view.as_deref()))
    }

    /// Notes the node that may have granted something, if one is known. Returns the error if that is lost
    /// already.
    pub(super) fn bind(&mut self, by: Option<NodeAddress>) -> Option<HoldLost> {
        let node = by?;
        let view = self.view();
        let view = view.as_deref();
        let mut process = Process::of(node, view);
        // One that is not listed any more was, so that it is known to be removed.
        let expected = self.expected.take();
        let expected = expected.filter(|expected| expected.node == process.node);
        process.id = process.id.or(expected.and_then(|expected| expected.id));
        self.by = Some(process);
        let view = view?;
        let lost = self.verdict(view);
        if lost.is_none() {
            self.named = named(&self.entity, view).cloned();
        }
        lost
    }

    /// Returns whether a node that has answered may be the one that granted. It is not if both are known and
    /// differ, as two that each take themselves for the owner while members do not agree.
    pub(super) fn may_be(&self, answered: Option<&NodeAddress>) -> bool {
        let granted = self.by.as_ref().map(|by| &by.node);
        answered.is_none() || granted.is_none() || answered == granted
    }

    /// Waits until what the node has granted is gone. No view comes any more once the client has ended.
    ///
    /// # Cancel safety
    /// Safe: the next call looks at the view anew.
    pub(super) async fn lost(&mut self) -> HoldLost {
        self.until(|verdict| verdict).await
    }

    /// Waits until no view says anything against the node any more.
    ///
    /// # Cancel safety
    /// Safe: the next call looks at the view anew.
    pub(super) async fn returned(&mut self) {
        self.until(|verdict| verdict.is_none().then_some(())).await;
    }

    /// Looks at one view after the other until `wanted` makes something of what it says against the node.
    async fn until<T>(&mut self, wanted: impl Fn(Option<HoldLost>) -> Option<T>) -> T {
        loop {
            let seen = self.entity.region().core().views.count();
            if let Some(found) = wanted(self.look()) {
                return found;
            }
            self.entity.region().core().views.since(seen).await;
        }
    }

    /// Looks at the latest view. Returns what it says against the node.
    pub(super) fn look(&mut self) -> Option<HoldLost> {
        let view = self.view()?;
        if let Some(lost) = self.verdict(&view) {
            return Some(lost);
        }
        match &mut self.by {
            Some(by) => {
                if by.id.is_none() {
                    by.id = Process::of(by.node.clone(), Some(&*view)).id;
                }
                if named(&self.entity, &view) == Some(&by.node) {
                    // From here on, any other owner is a later one.
                    self.named = Some(by.node.clone());
                }
                None
            }
            None if self.is_granted => self.bind(owner(&self.entity, Some(&*view))),
            None => None,
        }
    }

    /// Returns what a view says against the node.
    fn verdict(&self, view: &View) -> Option<HoldLost> {
        let Process { node, id } = self.by.as_ref()?;
        let member = view.member(node);
        // One that no view has listed yet was not removed.
        let removed = member.is_none() && id.is_some();
        if removed || view.is_gone(node) {
            return Some(HoldLost::NodeGone { node: node.clone() });
        }
        if let (Some(member), Some(id)) = (member, id)
            && member.id != *id
        {
            return Some(HoldLost::NodeRestarted { node: node.clone() });
        }
        let owner = named(&self.entity, view)?;
        (owner != node && Some(owner) != self.named.as_ref()).then(|| HoldLost::Moved {
            from: node.clone(),
            to: owner.clone(),
        })
    }
}

/// Returns the node that takes messages for an entity, or else the one that a view names.
fn owner(entity: &EntityRef, view: Option<&View>) -> Option<NodeAddress> {
    let (region, shard) = (entity.region(), entity.shard_id());
    let table = region.core().table.current();
    let carrier = table.owner(region.as_named().id, shard);
    let carrier = carrier.map(|peer| peer.node.clone());
    carrier.or_else(|| view.and_then(|view| named(entity, view)).cloned())
}

/// Returns the owner of an entity that a view names.
fn named<'v>(entity: &EntityRef, view: &'v View) -> Option<&'v NodeAddress> {
    view.owner(entity.region().name(), entity.shard_id())
}
