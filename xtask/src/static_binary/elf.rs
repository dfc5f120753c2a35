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
    fn what_is_no_program_is_refused() {
        loader(b"#!/bin/sh\n").unwrap_err();
    }
}
