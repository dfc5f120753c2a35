//! The drawing of the screen.

use std::time::Duration;

use casty_client::diagnosis::Severity;
use casty_proto::Count;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use tokio::time::Instant;

use super::screen::{Health, Member, Screen};

/// The time without a view after which that is told.
///
/// Longer than the silence after which a lone node is asked again.
const SILENCE: Duration = Duration::from_secs(5);

/// The most characters of a column.
const WIDEST: usize = 32;
/// The characters of a member's line besides its names and its roles.
const FIXED: usize = 32;
/// The least characters for a node's address, and those for its id where the address is long.
const LEAST: (usize, usize) = (12, 8);
/// The most characters for roles and the blanks before them, where the id would take more.
const ROLES: usize = 14;

/// The styles of what is good, odd and bad.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    good: Style,
    odd: Style,
    bad: Style,
}

impl Palette {
    pub(super) const COLOURS: Self = Self {
        good: Style::new().fg(Color::Green),
        odd: Style::new().fg(Color::Yellow),
        bad: Style::new().fg(Color::Red),
    };
    pub(super) const PLAIN: Self = Self {
        good: Style::new(),
        odd: Style::new(),
        bad: Style::new().add_modifier(Modifier::BOLD),
    };

    fn of(self, severity: Severity) -> Style {
        match severity {
            Severity::Note => Style::new(),
            Severity::Warning => self.odd,
            Severity::Critical => self.bad,
        }
    }
}

/// Draws the screen, and tells it how much of it is shown.
pub(super) fn draw(frame: &mut Frame<'_>, screen: &mut Screen, palette: Palette) {
    let log = log(screen, frame.area().height);
    let areas = Layout::vertical([
        Constraint::Length(2),
        Constraint::Min(0),
        Constraint::Length(u16::try_from(log.len()).unwrap_or(u16::MAX)),
        Constraint::Length(1),
    ]);
    let [top, middle, below, bottom] = areas.areas(frame.area());
    let lines = if screen.helps {
        help()
    } else {
        body(screen, palette, usize::from(middle.width))
    };
    let page = usize::from(middle.height);
    screen.page = page;
    screen.scroll = screen.scroll.min(lines.len().saturating_sub(page));
    let all = lines.len();
    let last = all.min(screen.scroll + page);
    let shown: Vec<_> = lines.into_iter().skip(screen.scroll).take(page).collect();
    frame.render_widget(Paragraph::new(head(screen, palette)), top);
    frame.render_widget(Paragraph::new(shown), middle);
    frame.render_widget(Paragraph::new(log), below);
    let place = format!("lines {}-{last} of {all}", (screen.scroll + 1).min(all));
    let keys = "q quit   ? help   arrows, PgUp, PgDn, Home, End scroll";
    let gap = usize::from(bottom.width).saturating_sub(keys.len() + place.len());
    let foot = Line::from(format!("{keys}{:gap$}{place}", ""));
    let foot = foot.style(Style::new().add_modifier(Modifier::REVERSED));
    frame.render_widget(Paragraph::new(foot), bottom);
}

/// Returns the last lines of the log under their heading, in a third of the height at most.
fn log(screen: &Screen, height: u16) -> Vec<Line<'static>> {
    let most = usize::from(height / 3).saturating_sub(1);
    let left_out = screen.log.len().saturating_sub(most);
    if screen.log.is_empty() || most == 0 {
        return Vec::new();
    }
    let lines = screen.log.iter().skip(left_out).cloned().map(Line::from);
    std::iter::once(heading("LOG")).chain(lines).collect()
}

/// Returns the two lines above the list.
fn head(screen: &Screen, palette: Palette) -> Vec<Line<'static>> {
    let view = &screen.view;
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let leader = match &view.leader {
        Some(leader) => Span::raw(format!("leader {leader}")),
        None => Span::styled("no leader", palette.bad),
    };
    let first = Line::from(vec![
        Span::styled(screen.system.clone(), bold),
        Span::raw("   "),
        leader,
        Span::raw(format!("   epoch {}", view.epoch)),
    ]);
    let traffic = &screen.traffic;
    let age = traffic.silence.as_secs();
    let second = if traffic.connections == 0 {
        let lost = format!("no node is connected; what is shown is {age} s old");
        Line::styled(lost, palette.bad)
    } else if traffic.silence >= SILENCE {
        Line::styled(format!("no view has come for {age} s"), palette.odd)
    } else {
        Line::from(format!(
            "{}, {} up   {} connected   {}.{} views/s   {} changes/s",
            Count(view.members.len(), "member"),
            view.up(),
            traffic.connections,
            traffic.views / 10,
            traffic.views % 10,
            traffic.changes
        ))
    };
    vec![first, second]
}

/// Returns the list: problems, members, regions and services.
fn body(screen: &Screen, palette: Palette, width: usize) -> Vec<Line<'static>> {
    let view = &screen.view;
    let mut lines = problems(screen, palette, width);
    lines.push(heading("MEMBERS"));
    let columns = Columns::of(&view.members, width);
    lines.extend(view.members.iter().map(|it| {
        let is_in_trouble = screen.is_in_trouble(&it.node);
        member(it, is_in_trouble, palette, columns)
    }));
    lines.push(heading("REGIONS"));
    lines.extend(view.regions.iter().map(|it| {
        let (shards, nodes) = (Count(it.shards, "shard"), Count(it.nodes, "node"));
        Line::from(format!("  {}  {shards} on {nodes}", cut(&it.name, WIDEST)))
    }));
    let warnings = view.warnings.iter();
    lines.extend(warnings.flat_map(|it| wrapped("  ", it, width, palette.odd)));
    lines.push(heading("SERVICES"));
    lines.extend(view.services.iter().map(|(key, live)| {
        let text = format!("  {}  {}", cut(key, WIDEST), Count(*live, "instance"));
        let style = if *live == 0 {
            palette.odd
        } else {
            Style::new()
        };
        Line::styled(text, style)
    }));
    lines
}

fn problems(screen: &Screen, palette: Palette, width: usize) -> Vec<Line<'static>> {
    let ago = screen.examined.map_or(0, |at| {
        Instant::now().saturating_duration_since(at).as_secs()
    });
    let mut lines = vec![heading("PROBLEMS")];
    match &screen.health {
        Health::Unknown => lines.push(Line::from("  looking for them")),
        Health::Failed(why) => {
            lines.extend(wrapped("  cannot look: ", why, width, palette.odd));
        }
        Health::Known(found) if found.is_empty() => {
            lines.push(Line::styled(format!("  none, {ago} s ago"), palette.good));
        }
        Health::Known(found) => {
            for problem in found {
                let severity = format!("  {}: ", problem.severity);
                let style = palette.of(problem.severity);
                lines.extend(wrapped(&severity, &problem.what, width, style));
                lines.extend(wrapped("    helps: ", &problem.helps, width, Style::new()));
            }
        }
    }
    lines
}

/// The characters of the columns of members whose widths differ.
#[derive(Debug, Clone, Copy)]
struct Columns {
    node: usize,
    id: usize,
    roles: usize,
}

impl Columns {
    /// Divides a line, so that the status and the shards are always on it: first comes the node's address,
    /// for it is what other commands take, then a few characters of its id, its roles, and the rest of the id.
    fn of(members: &[Member], width: usize) -> Self {
        let widest = |text: fn(&Member) -> &str| {
            let all = members.iter().map(|it| text(it).chars().count());
            all.max().unwrap_or_default()
        };
        let room = width.saturating_sub(FIXED);
        let most = room.saturating_sub(LEAST.1).max(LEAST.0);
        let node = widest(|it| &it.node).min(WIDEST).min(most);
        let left = room.saturating_sub(node);
        let roles = match widest(|it| &it.roles) {
            0 => 0,
            roles => (roles + 2).min(ROLES).min(left.saturating_sub(LEAST.1)),
        };
        let id = widest(|it| &it.id).min(WIDEST).min(left - roles);
        let roles = (left - id).saturating_sub(2);
        Self { node, id, roles }
    }
}

fn member(it: &Member, is_in_trouble: bool, palette: Palette, columns: Columns) -> Line<'static> {
    let Columns { node, id, roles } = columns;
    let status = if it.is_up && is_in_trouble {
        "up !"
    } else {
        it.status
    };
    let style = match it.status {
        _ if it.is_up && is_in_trouble => palette.bad,
        _ if it.is_up => palette.good,
        "joining" | "leaving" => palette.odd,
        _ => palette.bad,
    };
    let leads = if it.leads { "*" } else { " " };
    let names = format!(
        "{leads} {:node$}  {:id$}  ",
        cut(&it.node, node),
        cut(&it.id, id)
    );
    Line::from(vec![
        Span::raw(names),
        Span::styled(format!("{status:<11}"), style),
        Span::raw(format!(
            "  {:>6} shards  {}",
            it.shards,
            cut(&it.roles, roles)
        )),
    ])
}

fn heading(text: &'static str) -> Line<'static> {
    Line::styled(text, Style::new().add_modifier(Modifier::BOLD))
}

/// Returns the lines that explain the screen.
fn help() -> Vec<Line<'static>> {
    let text = "\
The first line: the actor system, its leader, and the epoch of the allocations,
which grows by one whenever a shard is given to a node.

The second line: the members that this node's view names, those of them that
are up, the nodes to which this command is connected, and how many views and
changes of the allocations come in a second. Nodes send a view four times a
second.

PROBLEMS   what casty doctor finds, with what helps, looked for again and again.
MEMBERS    * marks the leader. unreachable: called up, and not answering nodes.
           up !: called up, and PROBLEMS tells what is wrong with it.
           shards: those that the node owns, of all regions.
REGIONS    the shards that are allocated, and the nodes that own them.
SERVICES   the instances on nodes that are up.

q, Esc     leave          ?, h          this help, and back
Up, Down   one line       PgUp, PgDn    one page
Home, End  the first and the last line";
    text.lines().map(Line::from).collect()
}

/// Returns the first characters of a text.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('~');
    short
}

/// Breaks a text between words, behind `begin` and below its end.
fn wrapped(begin: &str, text: &str, width: usize, style: Style) -> Vec<Line<'static>> {
    let indent = begin.chars().count();
    let room = width.saturating_sub(indent).max(16);
    let mut rows = vec![String::new()];
    for word in text.split(' ') {
        let word = cut(word, room);
        let taken = rows.last().map_or(0, |row| row.chars().count());
        match rows.last_mut() {
            Some(row) if taken == 0 => row.push_str(&word),
            Some(row) if taken + 1 + word.chars().count() <= room => {
                row.push(' ');
                row.push_str(&word);
            }
            _ => rows.push(word),
        }
    }
    let lines = rows.into_iter().enumerate().map(|(at, row)| {
        let before = if at == 0 { begin } else { "" };
        Line::styled(format!("{before:indent$}{row}"), style)
    });
    lines.collect()
}
