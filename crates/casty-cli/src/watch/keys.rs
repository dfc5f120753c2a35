//! The keys that are pressed.

use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;

/// Keys that wait to be handled; what is pressed beyond is forgotten.
const WAITING: usize = 64;
/// The time after which it is noticed that nobody waits for keys any more.
const PAUSE: Duration = Duration::from_millis(100);

/// The meaning of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    Help,
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    /// None, but the screen is to be drawn: its size has changed, for example.
    Other,
}

/// The keys, as they are pressed.
pub(super) struct Keys(mpsc::Receiver<Key>);

impl Keys {
    /// Begins to read them, in a thread that ends soon after this is dropped, or with the terminal.
    pub(super) fn read() -> Self {
        let (pressed, keys) = mpsc::channel(WAITING);
        std::thread::spawn(move || {
            while !pressed.is_closed() {
                match event::poll(PAUSE) {
                    Ok(false) => {}
                    Ok(true) => match event::read() {
                        Ok(event) => {
                            pressed.try_send(meaning(&event)).ok();
                        }
                        Err(_) => return,
                    },
                    Err(_) => return,
                }
            }
        });
        Self(keys)
    }

    /// Waits for the next one; `None` if the terminal is gone.
    pub(super) async fn next(&mut self) -> Option<Key> {
        self.0.recv().await
    }
}

/// Returns what an event of the terminal means.
fn meaning(event: &Event) -> Key {
    let Event::Key(KeyEvent {
        code,
        modifiers,
        kind: KeyEventKind::Press | KeyEventKind::Repeat,
        ..
    }) = event
    else {
        return Key::Other;
    };
    match code {
        // The terminal sends no signal while each key is read by itself.
        KeyCode::Char('c' | 'd') if modifiers.contains(KeyModifiers::CONTROL) => Key::Quit,
        KeyCode::Char('q') | KeyCode::Esc => Key::Quit,
        KeyCode::Char('?' | 'h') => Key::Help,
        KeyCode::Up | KeyCode::Char('k') => Key::Up,
        KeyCode::Down | KeyCode::Char('j') => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown | KeyCode::Char(' ') => Key::PageDown,
        KeyCode::Home => Key::Top,
        KeyCode::End => Key::Bottom,
        _ => Key::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_they_mean_in_other_programs() {
        for (code, modifiers, expected) in [
            (KeyCode::Char('q'), KeyModifiers::NONE, Key::Quit),
            (KeyCode::Char('c'), KeyModifiers::CONTROL, Key::Quit),
            (KeyCode::Char('c'), KeyModifiers::NONE, Key::Other),
            (KeyCode::Char('?'), KeyModifiers::SHIFT, Key::Help),
            (KeyCode::Down, KeyModifiers::NONE, Key::Down),
            (KeyCode::End, KeyModifiers::NONE, Key::Bottom),
        ] {
            let event = Event::Key(KeyEvent::new(code, modifiers));
            assert_eq!(meaning(&event), expected, "{code:?}");
        }
        assert_eq!(meaning(&Event::Resize(80, 24)), Key::Other);
    }
}
