use proptest::prelude::*;

use super::*;

#[test]
fn peaks_saturate() {
    let mut out = [[0i16; 1]; 3];
    conference(&[&[30_000], &[30_000], &[-30_000]], &mut out.each_mut().map(|o| o.as_mut_slice()));
    assert_eq!(out, [[0], [0], [i16::MAX]]);
    let mut level = [i16::MAX, i16::MIN, 1000];
    gain(&mut level, 6.0206);
    assert_eq!(level, [i16::MAX, i16::MIN, 2000]);
    gain(&mut level, f64::NEG_INFINITY);
    assert_eq!(level, [0; 3]);
    let mut sum = [i16::MIN, 5];
    add(&mut sum, &[-1]);
    assert_eq!(sum, [i16::MIN, 5]);
}

#[test]
fn a_party_that_only_listens_hears_all() {
    let mut out = [[0i16; 2]; 3];
    conference(&[&[1, 1], &[2]], &mut out.each_mut().map(|o| o.as_mut_slice()));
    assert_eq!(out, [[2, 0], [1, 1], [3, 1]]);
}

proptest! {
    #[test]
    fn nobody_hears_himself(a in any::<i16>(), b in -10_000i16..10_000, c in -10_000i16..10_000) {
        let mut out = [[0i16; 1]; 3];
        conference(&[&[a], &[b], &[c]], &mut out.each_mut().map(|o| o.as_mut_slice()));
        prop_assert_eq!(out[0], [b + c]);
    }
}
