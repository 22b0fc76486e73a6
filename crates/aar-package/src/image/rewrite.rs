use std::{
    io::{self, Write},
    path::Path,
    sync::atomic::AtomicBool,
};

use aar_types::ImageInfo;

use crate::{
    Error, Manifest,
    package::{MANIFEST, Steps},
    seekable::{FrameReader, Frames, write_image},
    tar::{Member, MemberKind, TarReader, TarWriter},
};

/// Writes an image with the content of another one and a changed manifest.
///
/// `progress` is told how many bytes of content are done. When writing fails or is cancelled, the
/// file `to` is removed.
pub fn rewrite_image(
    from: &Path,
    manifest: &Manifest,
    to: &Path,
    progress: &dyn Fn(u64),
    cancelled: &AtomicBool,
) -> Result<ImageInfo, Error> {
    let frames = Frames::open(from)?;
    let text = manifest.to_yaml();
    let steps = Steps::new(progress, cancelled);
    let damaged = |error| Error::damaged(from.display().to_string(), error);
    write_image(to, |out| {
        let mut input = TarReader::new(FrameReader::new(frames));
        let mut output = TarWriter::new(out);
        let mut replaced = false;
        while let Some(member) = input.next_member().map_err(damaged)? {
            steps.check()?;
            replaced |= member.path == MANIFEST.as_bytes();
            copy_entry(&mut input, member, &text, &mut output, &steps)
                .map_err(|error| steps.explain(damaged(error)))?;
        }
        output.finish()?;
        if replaced {
            Ok(())
        } else {
            Err(Error::NoManifest { found: None })
        }
    })
}

/// The entries of an image are in their order already, and the manifest keeps its place.
fn copy_entry(
    input: &mut TarReader<FrameReader>,
    member: Member,
    manifest: &str,
    output: &mut TarWriter<&mut dyn Write>,
    steps: &Steps<'_>,
) -> io::Result<()> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(io::Error::other);
    let path = text(member.path)?;
    let copied = &mut |count| steps.done(count);
    match member.kind {
        MemberKind::Folder => output.folder(path.trim_end_matches('/')),
        MemberKind::Symlink(target) => output.symlink(&path, &text(target)?),
        MemberKind::File if path == MANIFEST => {
            let size = manifest.len() as u64;
            output.file(&path, false, size, &mut manifest.as_bytes(), copied)
        }
        MemberKind::File => {
            let executable = member.mode & 0o100 != 0;
            output.file(&path, executable, member.size, input, copied)
        }
        MemberKind::Other(kind) => Err(io::Error::other(format!("{path} is a {kind}"))),
    }
}
