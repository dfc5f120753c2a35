//! The one thing of an ELF file that tells whether a program is static: who loads it.

use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::{FileHeader, ProgramHeader};

/// Returns the dynamic loader that a program of 64 bits asks for; `None` if it is static.
pub(super) fn loader(bytes: &[u8]) -> object::Result<Option<String>> {
    let header = FileHeader64::<Endianness>::parse(bytes)?;
    let endian = header.endian()?;
    for part in header.program_headers(endian, bytes)? {
        if let Some(name) = part.interpreter(endian, bytes)? {
            return Ok(Some(String::from_utf8_lossy(name).into_owned()));
        }
    }
    Ok(None)
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
        loader(&own[..60]).unwrap_err();
    }

    #[test]
    fn a_program_without_that_header_is_static_and_what_is_no_program_is_refused() {
        loader(b"#!/bin/sh\n").unwrap_err();
        let mut program = vec![0; 64];
        program[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        assert_eq!(loader(&program), Ok(None));
        // One header, behind the first 64 bytes: cut short, then of another kind.
        program[0x20] = 64;
        program[0x36] = 56;
        program[0x38] = 1;
        loader(&program).unwrap_err();
        program.resize(64 + 56, 0);
        program[64] = 1;
        assert_eq!(loader(&program), Ok(None));
    }
}
