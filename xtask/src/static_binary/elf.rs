//! The one thing of an ELF file that tells whether a program is static: who loads it.

/// The beginning of every ELF file of 64 bits, of which the lowest comes first.
const MAGIC: &[u8] = b"\x7fELF\x02\x01";

/// The kind of a program header that names the dynamic loader (`PT_INTERP`).
const INTERPRETER: u32 = 3;

/// Returns the dynamic loader that a program asks for; `None` if it is static.
pub(super) fn loader(bytes: &[u8]) -> Result<Option<String>, &'static str> {
    const CUT: &str = "is cut short";
    if !bytes.starts_with(MAGIC) {
        return Err("is no program of ELF for 64 bits");
    }
    let headers = number(bytes, 0x20, 8).ok_or(CUT)?;
    let size = number(bytes, 0x36, 2).ok_or(CUT)?;
    let count = number(bytes, 0x38, 2).ok_or(CUT)?;
    for index in 0..count {
        let header = index
            .checked_mul(size)
            .and_then(|it| it.checked_add(headers));
        let header = header.ok_or(CUT)?;
        if number(bytes, header, 4).ok_or(CUT)? != u64::from(INTERPRETER) {
            continue;
        }
        let start = number(bytes, header.saturating_add(8), 8).ok_or(CUT)?;
        let length = number(bytes, header.saturating_add(32), 8).ok_or(CUT)?;
        let name = slice(bytes, start, length).ok_or(CUT)?;
        let name = String::from_utf8_lossy(name);
        return Ok(Some(name.trim_end_matches('\0').to_owned()));
    }
    Ok(None)
}

fn slice(bytes: &[u8], start: u64, length: u64) -> Option<&[u8]> {
    let start = usize::try_from(start).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    bytes.get(start..end)
}

fn number(bytes: &[u8], start: u64, length: u64) -> Option<u64> {
    let digits = slice(bytes, start, length)?.iter().rev();
    Some(digits.fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn a_program_that_is_not_static_names_its_loader() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let found = loader(&own).unwrap();
        assert!(found.unwrap().contains("/ld-linux"));
        assert_eq!(loader(&own[..60]), Err("is cut short"));
    }

    #[test]
    fn a_program_without_that_header_is_static_and_what_is_no_program_is_refused() {
        loader(b"#!/bin/sh\n").unwrap_err();
        let mut program = vec![0; 64];
        program[..MAGIC.len()].copy_from_slice(MAGIC);
        assert_eq!(loader(&program), Ok(None));
        // One header, behind the first 64 bytes: cut short, then of another kind.
        program[0x20] = 64;
        program[0x36] = 56;
        program[0x38] = 1;
        assert_eq!(loader(&program), Err("is cut short"));
        program.resize(64 + 56, 0);
        program[64] = 1;
        assert_eq!(loader(&program), Ok(None));
    }
}
