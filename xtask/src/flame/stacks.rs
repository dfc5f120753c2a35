//! Stacks as a picture shows them: from the runtime's turn on, without types and hashes, and with the
//! kernel as one frame.

/// The part of a function's name that the frames below which are the same for all.
const RUNTIME: [&str; 3] = ["block_on", "run_task", "Core::run"];

/// The names by which the kernel is entered.
const KERNEL: [&str; 4] = ["entry_SYSCALL", "do_syscall", "x64_sys_call", "asm_"];

/// Returns a folded stack and its count; `None` if the line is none.
pub(super) fn simplified(line: &str) -> Option<(String, u64)> {
    let (stack, count) = line.rsplit_once(' ')?;
    let count = count.parse().ok()?;
    let frames: Vec<&str> = split(stack);
    // The first frame is the thread.
    let frames = frames.get(1..)?;
    let below = frames.iter().rposition(|frame| is_any(frame, &RUNTIME));
    let frames = below.map_or(frames, |below| &frames[below + 1..]);
    let mut kept: Vec<String> = Vec::new();
    for frame in frames {
        if is_any(frame, &KERNEL) || frame.ends_with("_[k]") {
            kept.push("kernel".to_owned());
            break;
        }
        let name = name(frame);
        if !name.is_empty() && kept.last() != Some(&name) {
            kept.push(name);
        }
    }
    (!kept.is_empty()).then(|| (kept.join(";"), count))
}

fn is_any(frame: &str, names: &[&str]) -> bool {
    names.iter().any(|name| frame.contains(name))
}

/// Returns the frames of a folded stack: types may hold semicolons.
fn split(stack: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    stack
        .split(|letter| {
            match letter {
                '<' | '[' => depth += 1,
                '>' | ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            letter == ';' && depth == 0
        })
        .collect()
}

/// Returns a function's name without the types that it is made for, the hash behind it and the crate's
/// path before its last two parts.
fn name(frame: &str) -> String {
    let frame = frame.replace("->", "");
    // The type that a method of a trait is one of stands for the type's name.
    let frame = match frame.strip_prefix('<') {
        Some(rest) => rest.replacen(" as ", "<", 1),
        None => frame,
    };
    let mut text = String::new();
    let mut depth = 0_usize;
    for letter in frame.chars() {
        match letter {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            _ if depth == 0 => text.push(letter),
            _ => {}
        }
    }
    let parts: Vec<_> = text
        .split("::")
        .map(str::trim)
        .filter(|part| !part.is_empty() && !is_hash(part) && !part.starts_with('{'))
        .collect();
    let last = parts.len().saturating_sub(2);
    let crate_name = parts.first().filter(|_| last > 0);
    let shown = crate_name.into_iter().chain(&parts[last..]);
    let shown: Vec<_> = shown.map(|part| part.trim_start_matches('&')).collect();
    shown.join("::")
}

fn is_hash(part: &str) -> bool {
    let digits = part.strip_prefix('h');
    digits.is_some_and(|digits| {
        digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_begins_where_the_runtime_gives_the_turn_and_ends_at_the_kernel() {
        let line = "worker;main;tokio::runtime::block_on::{{closure}};casty_client::send::Core::send;\
            __send;entry_SYSCALL_64_after_hwframe_[k];tcp_sendmsg_[k] 12";
        let expected = "casty_client::Core::send;__send;kernel".to_owned();
        assert_eq!(simplified(line), Some((expected, 12)));
        for wrong in ["", "worker 1", "worker;a", "worker;a x"] {
            assert_eq!(simplified(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_are_without_types_and_hashes() {
        for (frame, expected) in [
            ("core::str::from_utf8", "core::str::from_utf8"),
            ("a::b::c::D<e::F>::g::h0123456789abcdef", "a::D::g"),
            ("<a::b::C<D> as e::F>::poll", "a::C::poll"),
            ("a::b::{{closure}}", "a::b"),
            ("malloc", "malloc"),
        ] {
            assert_eq!(name(frame), expected);
        }
    }
}
