//! Digest and fingerprint in one pass: the thread of the caller reads and computes the digest where
//! that is asked for, others decompress, and one computes the fingerprint.

use std::{
    io::{self, Read},
    path::Path,
    thread,
};

use aar_types::{Digest, Fingerprint, ImageInfo};
use fs_err as fs;
use sha2::{Digest as _, Sha256};

use crate::{
    Error,
    seekable::{Frame, Frames, LaneReceiver, LaneSender, decompress_frame, join, lanes, width},
};

/// The bytes of a frame, and how much content it should hold.
type Job = (Vec<u8>, usize);

/// Checks a stored image against what it should be: its size, the digest of its bytes, and the
/// fingerprint of the tar inside.
pub fn verify_image(path: &Path, expected: &ImageInfo) -> Result<(), Error> {
    check_size(path, expected)?;
    let mut frames = match Frames::open(path) {
        Ok(frames) => frames,
        Err(error) => {
            // What does not even look like an image most likely is not the expected file.
            check(path, "digest", &expected.digest, &digest_of(path)?)?;
            return Err(error);
        }
    };
    let mut sha256 = Sha256::new();
    let fingerprint = fingerprint(&mut frames, |bytes| sha256.update(bytes))?;
    let digest = Digest::from_bytes(sha256.finalize().into());
    check(path, "digest", &expected.digest, &digest)?;
    check_fingerprint(path, expected, fingerprint)
}

/// The same for a file whose digest has been verified already, while it was received.
pub fn verify_content(path: &Path, expected: &ImageInfo) -> Result<(), Error> {
    check_size(path, expected)?;
    let mut frames = Frames::open(path)?;
    let fingerprint = fingerprint(&mut frames, |_| ())?;
    check_fingerprint(path, expected, fingerprint)
}

fn check_size(path: &Path, expected: &ImageInfo) -> Result<(), Error> {
    let found = fs::metadata(path)?.len();
    check(path, "size", &expected.size, &found)
}

fn check_fingerprint(
    path: &Path,
    expected: &ImageInfo,
    found: io::Result<Fingerprint>,
) -> Result<(), Error> {
    let found = found.map_err(|error| Error::damaged(path.display().to_string(), error))?;
    check(path, "fingerprint", &expected.fingerprint, &found)
}

fn check<T: PartialEq + ToString>(
    path: &Path,
    what: &'static str,
    expected: &T,
    found: &T,
) -> Result<(), Error> {
    if expected == found {
        return Ok(());
    }
    Err(Error::Mismatch {
        path: path.to_owned(),
        what,
        expected: expected.to_string(),
        found: found.to_string(),
    })
}

fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut sha256 = Sha256::new();
    read_rest(&mut fs::File::open(path)?, &mut |bytes| {
        sha256.update(bytes);
    })?;
    Ok(Digest::from_bytes(sha256.finalize().into()))
}

/// The fingerprint of the content. `seen` gets all bytes of the file, whether they can be
/// decompressed or not.
fn fingerprint(
    frames: &mut Frames,
    seen: impl FnMut(&[u8]),
) -> Result<io::Result<Fingerprint>, Error> {
    let list: Vec<Frame> = (0..frames.count())
        .map(|i| frames.frame(i))
        .collect::<Result<_, _>>()?;
    let file = frames.rewind()?;
    thread::scope(|scope| {
        let (sender, contents) = lanes(scope, width(), || {
            let mut decompressor = None;
            move |(bytes, content): Job| decompress_frame(&mut decompressor, &bytes, content)
        });
        let hashing = scope.spawn(move || hash_contents(contents));
        let read = read_frames(file, &list, sender, seen);
        let fingerprint = join(hashing);
        read?;
        Ok(fingerprint)
    })
}

fn read_frames(
    file: &mut fs::File,
    frames: &[Frame],
    sender: LaneSender<Job>,
    mut seen: impl FnMut(&[u8]),
) -> io::Result<()> {
    let mut sender = Some(sender);
    for frame in frames {
        let mut bytes = vec![0; frame.size];
        file.read_exact(&mut bytes)?;
        seen(&bytes);
        // Nobody takes frames any more when one was damaged; the file is read to its end all the same.
        sender = sender.and_then(|mut sender| {
            sender
                .send((bytes, frame.content))
                .is_ok()
                .then_some(sender)
        });
    }
    read_rest(file, &mut seen)
}

fn read_rest(file: &mut fs::File, seen: &mut impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            count => seen(&buffer[..count]),
        }
    }
}

fn hash_contents(contents: LaneReceiver<io::Result<Vec<u8>>>) -> io::Result<Fingerprint> {
    let mut sha256 = Sha256::new();
    for content in contents {
        sha256.update(&content?);
    }
    Ok(Fingerprint::from_bytes(sha256.finalize().into()))
}
