//! Certificates made by `openssl`: those that can be trusted work in TLS, the others are refused with the
//! reason.

use aar_testkit::openssl::{EC, OpenSsl};
use aar_tls::{Certificate, Identity};

use crate::support::pair;

fn read(openssl: &OpenSsl, name: &str) -> Result<Certificate, String> {
    Certificate::read(&openssl.read(name)).map_err(|error| error.to_string())
}

/// Connects with the certificate, and returns whether the server sees it.
async fn is_identified(openssl: &OpenSsl, name: &str) -> bool {
    let paths = ["crt", "key"].map(|end| openssl.path(&format!("{name}.{end}")));
    let client = Identity::load(&paths[0], &paths[1]).unwrap();
    let (_client, _stream, peer) = pair(Some(&client)).await;
    peer.certificate.as_ref() == Some(client.certificate())
}

#[tokio::test]
async fn certificate_that_is_trusted_works_in_tls() {
    let Some(openssl) = OpenSsl::new("certificate_that_is_trusted_works_in_tls") else {
        return;
    };
    openssl.self_signed("p256", EC, &[]);
    openssl.version_1("v1", "p256");
    let critical = "1.2.3.4.5=critical,ASN1:UTF8String:x";
    openssl.self_signed("critical", EC, &["-addext", critical]);
    let compressed = "EC -pkeyopt ec_paramgen_curve:P-384 -pkeyopt point-format:compressed";
    openssl.self_signed("compressed", compressed, &[]);
    openssl.self_signed("p521", "EC -pkeyopt ec_paramgen_curve:P-521", &[]);
    openssl.self_signed("ed25519", "ed25519", &[]);
    openssl.self_signed("rsa2048", "RSA -pkeyopt rsa_keygen_bits:2048", &[]);
    openssl.self_signed("rsa3072", "RSA -pkeyopt rsa_keygen_bits:3072", &["-sha1"]);
    for name in [
        "p256", "v1", "critical", "p521", "ed25519", "rsa2048", "rsa3072",
    ] {
        read(&openssl, &format!("{name}.crt")).unwrap();
        assert!(is_identified(&openssl, name).await, "{name}");
    }
    if read(&openssl, "compressed.crt").is_ok() {
        assert!(is_identified(&openssl, "compressed").await);
    }
}

#[test]
fn key_that_tls_cannot_verify_is_refused_with_its_kind() {
    let Some(openssl) = OpenSsl::new("key_that_tls_cannot_verify_is_refused_with_its_kind") else {
        return;
    };
    let explicit = "EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit";
    for (name, kind, reason) in [
        ("rsa1024", "RSA -pkeyopt rsa_keygen_bits:1024", "1024 bits"),
        ("pss", "RSA-PSS -pkeyopt rsa_keygen_bits:2048", "RSA-PSS"),
        (
            "k256",
            "EC -pkeyopt ec_paramgen_curve:secp256k1",
            "secp256k1",
        ),
        (
            "brainpool",
            "EC -pkeyopt ec_paramgen_curve:brainpoolP256r1",
            "brainpoolP256r1",
        ),
        ("ed448", "ed448", "Ed448"),
        ("explicit", explicit, "explicit parameters"),
    ] {
        openssl.self_signed(name, kind, &[]);
        let refusal = read(&openssl, &format!("{name}.crt")).unwrap_err();
        assert!(refusal.contains("cannot be used with TLS"), "{refusal}");
        assert!(refusal.contains(reason), "{name}: {refusal}");
    }
}

#[test]
fn certificate_is_read_in_the_forms_of_other_tools() {
    let Some(openssl) = OpenSsl::new("certificate_is_read_in_the_forms_of_other_tools") else {
        return;
    };
    openssl.self_signed("x", EC, &[]);
    openssl.run("x509 -in x.crt -outform der -out x.der");
    openssl.run("x509 -in x.crt -trustout -addtrust clientAuth -out x.trusted");
    openssl.run("x509 -in x.crt -text -out x.text");
    let pem = String::from_utf8(openssl.read("x.crt")).unwrap();
    let utf16 = |pem: &str| pem.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let expected = Certificate::from_pem(&pem).unwrap();
    let forms: [(&str, Vec<u8>); 13] = [
        ("PEM", pem.clone().into()),
        ("DER", openssl.read("x.der")),
        ("TRUSTED CERTIFICATE", openssl.read("x.trusted")),
        ("with text", openssl.read("x.text")),
        ("BOM", format!("\u{feff}{pem}").into()),
        ("UTF-16", utf16(&format!("\u{feff}{pem}"))),
        ("CR LF", pem.replace('\n', "\r\n").into()),
        ("indented", pem.replace('\n', "\n  ").into()),
        ("base64", expected.to_base64().into()),
        ("CR", pem.replace('\n', "\r").into()),
        ("one line", pem.replace('\n', " ").into()),
        ("JSON", format!("{:?}", pem.replace('\n', "\r\n")).into()),
        (
            "with its key",
            [openssl.read("x.key"), pem.clone().into()].concat(),
        ),
    ];
    for (form, bytes) in forms {
        let read = Certificate::read(&bytes);
        assert_eq!(read.unwrap_or_else(|e| panic!("{form}: {e}")), expected);
    }
}

#[test]
fn other_file_is_refused_by_what_it_holds() {
    let Some(openssl) = OpenSsl::new("other_file_is_refused_by_what_it_holds") else {
        return;
    };
    openssl.self_signed("x", EC, &[]);
    openssl.self_signed("ca", EC, &[]);
    openssl.run("pkey -in x.key -outform der -out key.der");
    openssl.run("req -new -key x.key -subj /CN=x -out request.pem");
    openssl.run("req -in request.pem -outform der -out request.der");
    openssl.run("crl2pkcs7 -nocrl -certfile x.crt -out x.p7b");
    openssl.run("crl2pkcs7 -nocrl -certfile x.crt -outform der -out p7.der");
    openssl.run("pkcs12 -export -in x.crt -inkey x.key -passout pass:x -out x.p12");
    openssl.run("pkey -in x.key -pubout -out public.pem");
    let bundle = [openssl.read("ca.crt"), openssl.read("x.crt")].concat();
    fs_err::write(openssl.path("bundle"), bundle).unwrap();
    let pem = String::from_utf8(openssl.read("x.crt")).unwrap();
    let cut: String = pem.lines().take(3).collect::<Vec<_>>().join("\n");
    fs_err::write(openssl.path("cut"), cut).unwrap();
    openssl.run("x509 -in x.crt -outform der -out x.der");
    let der = openssl.read("x.der");
    fs_err::write(openssl.path("cut.der"), &der[..100]).unwrap();
    fs_err::write(openssl.path("long.der"), [&der[..], b"end"].concat()).unwrap();
    for (name, reason) in [
        ("x.key", "private key"),
        ("key.der", "private key"),
        ("request.pem", "signing request"),
        ("request.der", "signing request"),
        ("x.p7b", "PKCS#7"),
        ("p7.der", "PKCS#7"),
        ("x.p12", "PKCS#12"),
        ("public.pem", "public key"),
        ("bundle", "2 certificates: CN=ca ("),
        ("bundle", ", CN=x ("),
        ("cut", "no END line"),
        ("cut.der", "cut off after 100 of "),
        ("long.der", "3 bytes follow it"),
    ] {
        let refusal = read(&openssl, name).unwrap_err();
        assert!(refusal.contains(reason), "{name}: {refusal}");
    }
}

#[test]
fn common_name_is_read_from_the_parsed_subject() {
    let Some(openssl) = OpenSsl::new("common_name_is_read_from_the_parsed_subject") else {
        return;
    };
    openssl.self_signed("x", EC, &["-subj", "/O=x, CN=admin/CN=guest"]);
    let certificate = read(&openssl, "x.crt").unwrap();
    assert_eq!(certificate.common_name(), Some("guest"));
    assert_eq!(certificate.subject(), r"O=x\, CN=admin, CN=guest");
}

#[test]
fn authority_is_refused_and_self_signed_certificate_is_not() {
    let Some(openssl) = OpenSsl::new("authority_is_refused_and_self_signed_certificate_is_not")
    else {
        return;
    };
    let usage = "keyUsage=critical,keyCertSign,cRLSign";
    openssl.self_signed("authority", EC, &["-addext", usage]);
    let refusal = read(&openssl, "authority.crt").unwrap_err();
    assert!(refusal.contains("that of an authority"), "{refusal}");
    openssl.self_signed("client", EC, &[]);
    assert!(read(&openssl, "client.crt").unwrap().may_sign_others());
}
