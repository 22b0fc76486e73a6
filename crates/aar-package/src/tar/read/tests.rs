use super::*;
use crate::tar::TarWriter;

fn sample() -> Vec<u8> {
    let mut tar = TarWriter::new(Vec::new());
    tar.file("a", true, 700, &mut &[7; 700][..], &mut |_| Ok(()))
        .unwrap();
    tar.folder(&"long/".repeat(60)).unwrap();
    tar.symlink("z", &"t".repeat(150)).unwrap();
    tar.finish().unwrap()
}

fn read_all(bytes: &[u8]) -> io::Result<Vec<TarEntry>> {
    let mut tar = TarReader::new(bytes);
    std::iter::from_fn(|| tar.next_entry().transpose()).collect()
}

#[test]
fn written_entries_are_read_back() {
    let bytes = sample();
    let mut tar = TarReader::new(&*bytes);
    let file = tar.next_entry().unwrap().unwrap();
    assert_eq!((&*file.path, file.size, file.mode), (&b"a"[..], 700, 0o755));
    let mut content = Vec::new();
    tar.read_to_end(&mut content).unwrap();
    assert_eq!(content, [7; 700]);
    let folder = tar.next_entry().unwrap().unwrap();
    assert_eq!(folder.entry_type, TarEntryType::Folder);
    assert!(folder.path.len() > 255);
    let link = tar.next_entry().unwrap().unwrap();
    assert_eq!(link.entry_type, TarEntryType::Symlink(vec![b't'; 150]));
    assert_eq!(tar.next_entry().unwrap(), None);
}

#[test]
fn truncated_tar_is_refused() {
    let bytes = sample();
    let end = bytes.len() - 1024;
    for length in [0, 1, 511, 512, 600, 512 + 1024, end - 512, end] {
        let error = read_all(&bytes[..length]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{length}");
    }
    assert!(read_all(&bytes[..end + 512]).is_ok());
}

#[test]
fn header_with_wrong_checksum_is_refused() {
    let mut bytes = sample();
    bytes[0] = b'b';
    assert!(
        read_all(&bytes)
            .unwrap_err()
            .to_string()
            .contains("checksum")
    );
}

#[test]
fn extended_headers_beyond_the_limits_are_refused_unread() {
    for kind in [
        EntryType::XHeader,
        EntryType::GNULongName,
        EntryType::XGlobalHeader,
    ] {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(1 << 40);
        header.set_cksum();
        let error = read_all(header.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("too large"), "{error}");
    }
    let mut many = Vec::new();
    for _ in 0..20 {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::XHeader);
        header.set_size(0);
        header.set_cksum();
        many.extend_from_slice(header.as_bytes());
    }
    assert!(
        read_all(&many)
            .unwrap_err()
            .to_string()
            .contains("too many")
    );
}

#[test]
fn content_after_the_end_marker_is_refused() {
    let mut bytes = sample();
    bytes.extend(vec![0; 65 << 20]);
    assert!(
        read_all(&bytes)
            .unwrap_err()
            .to_string()
            .contains("after the end")
    );
}
