//! The signing block of APK signature scheme v2, which is before the directory of the zip file.

/// Adds a signing block with this certificate, but without a valid signature.
pub(crate) fn sign(apk: &[u8], certificate: &[u8]) -> Vec<u8> {
    const V2: u32 = 0x7109_871a;
    let signed_data = [
        prefixed(&[]),
        prefixed(&prefixed(certificate)),
        prefixed(&[]),
    ]
    .concat();
    let signer = [prefixed(&signed_data), prefixed(&[]), prefixed(&[])].concat();
    let value = prefixed(&prefixed(&signer));
    let pair = [&V2.to_le_bytes()[..], &value].concat();
    let pairs = [&(pair.len() as u64).to_le_bytes()[..], &pair].concat();
    let size = (pairs.len() as u64 + 24).to_le_bytes();
    let block = [&size[..], &pairs, &size, b"APK Sig Block 42"].concat();

    let end = apk.len() - 22;
    let at = end + 16..end + 20;
    let directory = u32::from_le_bytes(apk[at.clone()].try_into().unwrap());
    let moved = directory + u32::try_from(block.len()).unwrap();
    let mut end = apk.to_owned();
    end[at].copy_from_slice(&moved.to_le_bytes());
    let (entries, rest) = end.split_at(directory as usize);
    [entries, &block, rest].concat()
}

fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [&length.to_le_bytes()[..], bytes].concat()
}
