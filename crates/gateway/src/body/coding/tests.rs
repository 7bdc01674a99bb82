use std::io::Write;

use axum::http::HeaderValue;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::*;

const LIMIT: usize = 1024 * 1024;

fn headers(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(CONTENT_ENCODING, HeaderValue::from_str(line).expect("printable"));
    }
    headers
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory")
}

#[test]
fn the_encoding_is_that_of_the_header() {
    for (lines, coding) in [
        (vec![], None),
        (vec!["identity"], None),
        (vec![""], None),
        (vec!["gzip"], Some(Coding::Gzip)),
        (vec![" X-GZip "], Some(Coding::Gzip)),
        (vec!["identity, deflate"], Some(Coding::Deflate)),
        (vec!["zstd"], Some(Coding::Zstd)),
    ] {
        assert_eq!(Coding::of(&headers(&lines)).expect("known"), coding, "{lines:?}");
    }
    for lines in [vec!["br"], vec!["gzip, gzip"], vec!["gzip", "zstd"], vec!["gzip;q=1"]] {
        let unknown = Coding::of(&headers(&lines));
        assert!(matches!(unknown, Err(ApiError::UnsupportedEncoding { .. })), "{lines:?}");
    }
}

#[test]
fn every_advertised_encoding_is_supported() {
    for coding in crate::api_error::CODINGS.split(", ") {
        assert!(matches!(Coding::of(&headers(&[coding])), Ok(Some(_))), "{coding}");
    }
}

#[test]
fn a_body_is_decompressed_up_to_the_limit() {
    let plain: Vec<u8> = (0..=250).cycle().take(LIMIT).collect();
    for (coding, packed) in [
        (Coding::Gzip, gzip(&plain)),
        (Coding::Deflate, zlib(&plain)),
        (Coding::Zstd, zstd(&plain)),
    ] {
        assert_eq!(
            coding.decode(&packed, LIMIT).expect("whole"),
            Decoded::Whole(plain.clone().into()),
            "{coding:?}"
        );
        assert_eq!(coding.decode(&packed, LIMIT - 1).expect("whole"), Decoded::OverLimit);
        let half = &packed[..packed.len() / 2];
        assert!(matches!(coding.decode(half, LIMIT), Err(ApiError::BodyIncomplete { .. })));
        assert!(coding.decode(b"{}", LIMIT).is_err(), "{coding:?}");
    }
}

#[test]
fn a_decompression_bomb_is_stopped_at_the_limit() {
    let bomb = vec![0; 64 * LIMIT];
    for (coding, packed) in
        [(Coding::Gzip, gzip(&bomb)), (Coding::Deflate, zlib(&bomb)), (Coding::Zstd, zstd(&bomb))]
    {
        assert_eq!(coding.decode(&packed, LIMIT).expect("sound"), Decoded::OverLimit, "{coding:?}");
    }
    // Of many gzip members and zstd frames, each of them small.
    let many = gzip(&vec![0; 1024]).repeat(2048);
    assert_eq!(Coding::Gzip.decode(&many, LIMIT).expect("sound"), Decoded::OverLimit);
    let many = zstd(&vec![0; 1024]).repeat(2048);
    assert_eq!(Coding::Zstd.decode(&many, LIMIT).expect("sound"), Decoded::OverLimit);
}

#[test]
fn a_zstd_window_above_8_mib_is_refused() {
    // A frame of zstd with a window of 2 GiB, and an empty last block (RFC 8878, 3.1.1).
    let frame = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xA8, 0x01, 0x00, 0x00];
    assert!(matches!(Coding::Zstd.decode(&frame, LIMIT), Err(ApiError::BodyIncomplete { .. })));
    // The same with one of 8 MiB.
    let frame = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x68, 0x01, 0x00, 0x00];
    assert_eq!(Coding::Zstd.decode(&frame, LIMIT).expect("sound"), Decoded::Whole(Bytes::new()));
}

#[test]
fn a_body_of_several_zstd_frames_is_their_sum() {
    // A frame to be skipped, of three bytes (RFC 8878, 3.1.2).
    let skipped = [0x5A, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let frames = [zstd(b"[1, ").as_slice(), &skipped, &zstd(b"2]")].concat();
    assert_eq!(
        Coding::Zstd.decode(&frames, LIMIT).expect("sound"),
        Decoded::Whole(b"[1, 2]".as_slice().into())
    );
    assert_eq!(Coding::Zstd.decode(&frames, 4).expect("sound"), Decoded::OverLimit);
    assert!(Coding::Zstd.decode(&skipped[..10], LIMIT).is_err(), "a frame of two of its bytes");
    assert!(Coding::Zstd.decode(b"", LIMIT).is_err());
    let mut followed = zstd(b"{}");
    followed.push(0);
    assert!(Coding::Zstd.decode(&followed, LIMIT).is_err());
}

#[test]
fn a_zstd_frame_that_disagrees_with_its_checksum_is_invalid() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("memory");
    encoder.include_checksum(true).expect("a known parameter");
    std::io::Write::write_all(&mut encoder, b"{\"model\": \"coder\"}").expect("memory");
    let mut frame = encoder.finish().expect("memory");
    assert!(Coding::Zstd.decode(&frame, LIMIT).is_ok());
    *frame.last_mut().expect("a checksum") ^= 1;
    assert!(Coding::Zstd.decode(&frame, LIMIT).is_err());
}
