//! The watch over the node that has granted something: what it granted is gone with it.

use std::sync::Arc;

use crate::client::region::EntityRef;
use crate::distributed::error::HoldLost;
use casty_proto::NodeAddress;
use casty_routing::View;

/// The owner of an entity as it was when something was granted, beside the views that come since.
pub(super) struct Watch {
    entity: EntityRef,
    granted_by: Option<Process>,
    /// The owner that views named then, which may be behind the node that answered.
    named: Option<NodeAddress>,
}

/// One process of a node.
struct Process {
    node: NodeAddress,
    /// The member's id; `None` if no view has listed it yet.
    id: Option<Arc<str>>,
}

impl Watch {
    /// Begins to watch, before anything is asked.
    pub(super) fn over(entity: &EntityRef) -> Self {
        let mut watch = Self {
            entity: entity.clone(),
            granted_by: None,
            named: None,
        };
        watch.note(watch.view().as_deref());
        watch
    }

    /// Returns the view that there is.
    fn view(&self) -> Option<Arc<View>> {
        self.entity.region().core().view.borrow().clone()
    }

    /// Notes that the owner has granted something. Returns the error if it is another than at first: who
    /// knows which of them has answered.
    pub(super) fn granted(&mut self) -> Option<HoldLost> {
        let view = self.view();
        let view = view.as_deref();
        if let Some(lost) = view.and_then(|view| self.verdict(view)) {
            return Some(lost);
        }
        let before = self.granted_by.take();
        self.note(view);
        match (before, &self.granted_by) {
            (Some(before), Some(now)) if before.node != now.node => Some(HoldLost::Moved {
                from: before.node,
                to: now.node.clone(),
            }),
            (Some(before), None) => {
                self.granted_by = Some(before);
                None
            }
            _ => None,
        }
    }

    /// Waits until what the owner has granted is gone. No view comes any more once the client has ended.
    ///
    /// # Cancel safety
    /// Safe: the next call looks at the view anew.
    pub(super) async fn lost(&mut self) -> HoldLost {
        loop {
            let seen = self.entity.region().core().views.count();
            let view = self.view();
            if let Some(lost) = view.as_deref().and_then(|view| self.verdict(view)) {
                return lost;
            }
            match (&self.granted_by, &view) {
                (None, view) => self.note(view.as_deref()),
                (Some(by), Some(view)) => {
                    let (region, shard) = (self.entity.region(), self.entity.shard_id());
                    if view.owner(region.name(), shard) == Some(&by.node) {
                        // From here on, any other owner is a later one.
                        self.named = Some(by.node.clone());
                    }
                }
                (Some(_), None) => {}
            }
            self.entity.region().core().views.since(seen).await;
        }
    }

    /// Notes the owner as it is now: the node that takes messages for the entity, or else the one that the
    /// view names.
    fn note(&mut self, view: Option<&View>) {
        let region = self.entity.region();
        let shard = self.entity.shard_id();
        self.named = view.and_then(|view| view.owner(region.name(), shard).cloned());
        let table = region.core().table.current();
        let carrier = table.owner(region.as_named().id, shard);
        let node = carrier
            .map(|peer| peer.node.clone())
            .or_else(|| self.named.clone());
        self.granted_by = node.map(|node| Process {
            id: view.and_then(|view| Some(view.member(&node)?.id.clone())),
            node,
        });
    }

    /// Returns what a view says against the node that granted.
    fn verdict(&self, view: &View) -> Option<HoldLost> {
        let Process { node, id } = self.granted_by.as_ref()?;
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
        let owner = view.owner(self.entity.region().name(), self.entity.shard_id())?;
        (owner != node && Some(owner) != self.named.as_ref()).then(|| HoldLost::Moved {
            from: node.clone(),
            to: owner.clone(),
        })
    }
}
