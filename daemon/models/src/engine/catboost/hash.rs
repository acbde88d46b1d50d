//! The hash that CatBoost gives to the text of a category: the low half of CityHash64, version 1.0 of the function.
//!
//! Later versions of CityHash give other numbers, so the newer crates do not fit.

const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;
const K3: u64 = 0xc949_d7c7_509e_6557;

/// What a categorical cell of a [`crate::Frame`] holds for the category that is written `text`.
///
/// Integers are hashed as their decimal digits, booleans as Python writes them.
#[must_use]
pub fn category_hash(text: &[u8]) -> f64 {
    let low_half = city_hash64(text) & 0xffff_ffff;
    low_half as f64
}

/// `CityHash64` of version 1.0.
fn city_hash64(text: &[u8]) -> u64 {
    match text.len() {
        0..=16 => hash_up_to_16(text),
        17..=32 => hash_17_to_32(text),
        33..=64 => hash_33_to_64(text),
        _ => hash_long(text),
    }
}

fn hash_up_to_16(text: &[u8]) -> u64 {
    let len = text.len();
    let wide = len as u64;
    match len {
        0 => K2,
        1..=3 => {
            let y = u64::from(text[0]) + (u64::from(text[len / 2]) << 8);
            let z = wide + (u64::from(text[len - 1]) << 2);
            shift_mix(y.wrapping_mul(K2) ^ z.wrapping_mul(K3)).wrapping_mul(K2)
        }
        4..=8 => hash_pair(wide + (fetch32(text, 0) << 3), fetch32(text, len - 4)),
        _ => {
            let first = fetch64(text, 0);
            let last = fetch64(text, len - 8);
            hash_pair(first, last.wrapping_add(wide).rotate_right(len as u32)) ^ last
        }
    }
}

fn hash_17_to_32(text: &[u8]) -> u64 {
    let len = text.len();
    let a = fetch64(text, 0).wrapping_mul(K1);
    let b = fetch64(text, 8);
    let c = fetch64(text, len - 8).wrapping_mul(K2);
    let d = fetch64(text, len - 16).wrapping_mul(K0);
    let first = a.wrapping_sub(b).rotate_right(43).wrapping_add(c.rotate_right(30)).wrapping_add(d);
    let second = a.wrapping_add((b ^ K3).rotate_right(20)).wrapping_sub(c).wrapping_add(len as u64);
    hash_pair(first, second)
}

fn hash_33_to_64(text: &[u8]) -> u64 {
    let len = text.len();
    let half = |start: u64, z: u64, second: u64, third: u64| {
        let b = start.wrapping_add(z).rotate_right(52);
        let c = start.rotate_right(37);
        let a = start.wrapping_add(second);
        let c = c.wrapping_add(a.rotate_right(7));
        let a = a.wrapping_add(third);
        (a.wrapping_add(z), b.wrapping_add(a.rotate_right(31)).wrapping_add(c))
    };
    let start = fetch64(text, 0).wrapping_add((len as u64).wrapping_add(fetch64(text, len - 16)).wrapping_mul(K0));
    let (vf, vs) = half(start, fetch64(text, 24), fetch64(text, 8), fetch64(text, 16));
    let start = fetch64(text, 16).wrapping_add(fetch64(text, len - 32));
    let (wf, ws) = half(start, fetch64(text, len - 8), fetch64(text, len - 24), fetch64(text, len - 16));
    let mixed = vf.wrapping_add(ws).wrapping_mul(K2).wrapping_add(wf.wrapping_add(vs).wrapping_mul(K0));
    shift_mix(shift_mix(mixed).wrapping_mul(K0).wrapping_add(vs)).wrapping_mul(K2)
}

fn hash_long(text: &[u8]) -> u64 {
    let len = text.len();
    let mut x = fetch64(text, 0);
    let mut y = fetch64(text, len - 16) ^ K1;
    let mut z = fetch64(text, len - 56) ^ K0;
    let mut v = weak_hash_32(&text[len - 64..], len as u64, y);
    let mut w = weak_hash_32(&text[len - 32..], (len as u64).wrapping_mul(K1), K0);
    z = z.wrapping_add(shift_mix(v.1).wrapping_mul(K1));
    x = z.wrapping_add(x).rotate_right(39).wrapping_mul(K1);
    y = y.rotate_right(33).wrapping_mul(K1);
    // Whole blocks only; the tail has been mixed in above.
    for block in text[..(len - 1) & !63].chunks_exact(64) {
        let sum = x.wrapping_add(y).wrapping_add(v.0).wrapping_add(fetch64(block, 16));
        x = sum.rotate_right(37).wrapping_mul(K1) ^ w.1;
        let sum = y.wrapping_add(v.1).wrapping_add(fetch64(block, 48));
        y = sum.rotate_right(42).wrapping_mul(K1) ^ v.0;
        z = (z ^ w.0).rotate_right(33);
        v = weak_hash_32(block, v.1.wrapping_mul(K1), x.wrapping_add(w.0));
        w = weak_hash_32(&block[32..], z.wrapping_add(w.1), y);
        std::mem::swap(&mut z, &mut x);
    }
    let first = hash_pair(v.0, w.0).wrapping_add(shift_mix(y).wrapping_mul(K1)).wrapping_add(z);
    hash_pair(first, hash_pair(v.1, w.1).wrapping_add(x))
}

fn weak_hash_32(text: &[u8], a: u64, b: u64) -> (u64, u64) {
    let (w, x, y, z) = (fetch64(text, 0), fetch64(text, 8), fetch64(text, 16), fetch64(text, 24));
    let a = a.wrapping_add(w);
    let b = b.wrapping_add(a).wrapping_add(z).rotate_right(21);
    let c = a;
    let a = a.wrapping_add(x).wrapping_add(y);
    let b = b.wrapping_add(a.rotate_right(44));
    (a.wrapping_add(z), b.wrapping_add(c))
}

/// Murmur-inspired hash of two words.
fn hash_pair(u: u64, v: u64) -> u64 {
    const MUL: u64 = 0x9ddf_ea08_eb38_2d69;
    let a = (u ^ v).wrapping_mul(MUL);
    let a = a ^ (a >> 47);
    let b = (v ^ a).wrapping_mul(MUL);
    let b = b ^ (b >> 47);
    b.wrapping_mul(MUL)
}

fn shift_mix(value: u64) -> u64 {
    value ^ (value >> 47)
}

fn fetch64(text: &[u8], at: usize) -> u64 {
    let bytes = text[at..at + 8].try_into().expect("a slice of 8 bytes is an array of 8 bytes");
    u64::from_le_bytes(bytes)
}

fn fetch32(text: &[u8], at: usize) -> u64 {
    let bytes = text[at..at + 4].try_into().expect("a slice of 4 bytes is an array of 4 bytes");
    u64::from(u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::category_hash;

    /// What CatBoost 1.2.10 wrote as `cat_features_hash` into the JSON of a model that was trained on these categories;
    /// one of each length class of the function.
    const HASHES: &[(&str, u32)] = &[
        ("", 797982799),
        ("a", 3489901818),
        ("-5", 2572957386),
        ("123", 1577207979),
        ("ios", 3737831060),
        ("nan", 761118297),
        ("1e10", 4155344501),
        ("True", 1020970795),
        ("None", 1875838226),
        ("東京", 991853845),
        ("zürich", 2284951698),
        ("OjHyVaQX", 1564667477),
        ("BXAhcMNWcyTLvJrG", 1856153559),
        ("pctaegMIcmAsNqjSc", 3432789261),
        ("mKßyThuJkuUFlIzDmAJKxgUdMESmkGQkhgJIhyJGuzreErRuoqhnhExBjqxRlqKXGm", 2033060800),
        (
            "eT東NnmDpwVvFxkuOnhMbyc東xIy東QUcGhniZRTFWDdsEvpsZxZwgqKemUwjßPwTsmLChqdsreZChREIqOESSYuCtxBßyxXQjCtsoOkozTéhQOuBtfphFkhhZGBE",
            3394586322,
        ),
    ];

    #[test]
    fn hashes_are_catboosts() {
        for &(text, hash) in HASHES {
            assert_eq!(category_hash(text.as_bytes()), f64::from(hash), "{text:?}");
        }
    }
}
