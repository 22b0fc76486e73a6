//! Verifying digest and content in one pass over the file: the caller's thread reads and hashes the
//! stored bytes, several threads decompress, and one hashes and checks the content.

use std::{
    io::{self, Read},
    path::Path,
    thread,
};

use aar_fs::Sha256Hasher;
use aar_types::{Digest, ImageInfo};
use fs_err as fs;

use super::check::{CheckedImage, ContentChecker};
use crate::{
    Error, Limits,
    seekable::{
        FrameInfo, Results, SeekableFile, WorkQueue, decompress_frame, join, ordered_workers,
        worker_count,
    },
};

/// A compressed frame and the size of its content.
type FrameJob = (Vec<u8>, usize);

/// Verifies the size, the digest and the fingerprint of a stored image, and checks its content by the
/// rules for packages.
pub fn verify_image(path: &Path, expected: &ImageInfo) -> Result<CheckedImage, Error> {
    check_size(path, expected)?;
    let mut file = match SeekableFile::open(path) {
        Ok(file) => file,
        Err(error) => {
            // A wrong digest says more than the format error of what is another file entirely.
            check(path, "digest", &expected.digest, &digest_of(path)?)?;
            return Err(error);
        }
    };
    let mut hasher = Sha256Hasher::new();
    let content = check_content(&mut file, expected, Some(&mut hasher))?;
    check(path, "digest", &expected.digest, &hasher.finish())?;
    check_fingerprint(path, expected, content)
}

/// Verifies the size and the fingerprint of an image whose digest was verified on receipt, and checks
/// its content by the rules for packages.
pub fn verify_content(path: &Path, expected: &ImageInfo) -> Result<CheckedImage, Error> {
    check_size(path, expected)?;
    let mut file = SeekableFile::open(path)?;
    let content = check_content(&mut file, expected, None)?;
    check_fingerprint(path, expected, content)
}

fn check_size(path: &Path, expected: &ImageInfo) -> Result<(), Error> {
    let found = fs::metadata(path)?.len();
    check(path, "size", &expected.size, &found)
}

fn check_fingerprint(
    path: &Path,
    expected: &ImageInfo,
    content: Result<CheckedImage, Error>,
) -> Result<CheckedImage, Error> {
    let content = content.map_err(|error| match error {
        Error::Io(error) => Error::damaged(path.display().to_string(), error),
        other => other,
    })?;
    check(
        path,
        "fingerprint",
        &expected.fingerprint,
        &content.fingerprint,
    )?;
    Ok(content)
}

fn check<T: PartialEq + ToString>(
    path: &Path,
    property: &'static str,
    expected: &T,
    found: &T,
) -> Result<(), Error> {
    if expected == found {
        return Ok(());
    }
    Err(Error::Mismatch {
        path: path.to_owned(),
        property,
        expected: expected.to_string(),
        found: found.to_string(),
    })
}

fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut hasher = Sha256Hasher::new();
    aar_fs::hash_reader(fs::File::open(path)?, &mut hasher)?;
    Ok(hasher.finish())
}

/// Checks the content. The hasher gets all bytes of the file, also of frames that cannot be
/// decompressed. The inner result says whether the content is valid.
fn check_content(
    file: &mut SeekableFile,
    expected: &ImageInfo,
    hasher: Option<&mut Sha256Hasher>,
) -> Result<Result<CheckedImage, Error>, Error> {
    let frames: Vec<FrameInfo> = (0..file.frame_count())
        .map(|index| file.frame(index))
        .collect::<Result<_, _>>()?;
    let file = file.rewind()?;
    thread::scope(|scope| {
        let (queue, contents) = ordered_workers(scope, worker_count(), || {
            let mut decompressor = None;
            move |(bytes, size): FrameJob| decompress_frame(&mut decompressor, &bytes, size)
        });
        let size = expected.size;
        let checking = scope.spawn(move || check_contents(contents, size));
        let read = read_frames(file, &frames, queue, hasher);
        let content = join(checking);
        read?;
        Ok(content)
    })
}

fn read_frames(
    file: &mut fs::File,
    frames: &[FrameInfo],
    queue: WorkQueue<FrameJob>,
    mut hasher: Option<&mut Sha256Hasher>,
) -> io::Result<()> {
    let mut queue = Some(queue);
    for frame in frames {
        let mut bytes = vec![0; frame.compressed_size];
        file.read_exact(&mut bytes)?;
        if let Some(hasher) = &mut hasher {
            hasher.update(&bytes);
        }
        // The workers stop at a damaged frame. The file is still read to its end for the digest.
        queue = queue.and_then(|mut queue| {
            let sent = queue.send((bytes, frame.content_size));
            sent.is_ok().then_some(queue)
        });
    }
    if let Some(hasher) = hasher {
        aar_fs::hash_reader(file, hasher)?;
    }
    Ok(())
}

fn check_contents(
    contents: Results<io::Result<Vec<u8>>>,
    image_size: u64,
) -> Result<CheckedImage, Error> {
    let mut checker = ContentChecker::new(image_size, &Limits::DEFAULT);
    for content in contents {
        checker.push(&content?)?;
    }
    checker.finish()
}
