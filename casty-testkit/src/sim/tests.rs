use super::*;

#[test]
fn the_same_seed_gives_the_same_log_byte_for_byte() {
    for seed in 0..20 {
        let [first, second] = [(); 2].map(|()| prove(seed, true));
        let mut lines = first.log.lines().zip(second.log.lines());
        if let Some((a, b)) = lines.find(|(a, b)| a != b) {
            panic!("seed {seed}:\n{a}\n{b}");
        }
        assert_eq!(first.digest, second.digest);
        assert_ne!(first.lines, 0);
    }
}
