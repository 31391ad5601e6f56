//! xoshiro256**, seeded and projected as Lua 5.4's `math.random` does.
//!
//! In:  two seed words.   Out: the same sequence as PUC Lua for the same seed.
//!
//! Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators" (2018).

/// Generator state.
#[derive(Clone, Debug)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// `math.randomseed(n1, n2)`. The constant keeps the state from being all zero; the first
    /// values are dropped because they still show the seed.
    pub fn seeded(n1: u64, n2: u64) -> Random {
        let mut random = Random { state: [n1, 0xff, n2, 0] };
        for _ in 0..16 {
            random.next_u64();
        }
        random
    }

    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// The 53 high bits of `word` as a float in `[0, 1)`.
    pub fn unit_float(word: u64) -> f64 {
        (word >> 11) as f64 * (0.5 / (1u64 << 52) as f64)
    }

    /// Projects `word` into `[0, limit]` without bias: words above `limit` are drawn again,
    /// after masking to the smallest `2^b - 1` that is not below `limit`.
    pub fn project(&mut self, word: u64, limit: u64) -> u64 {
        let mask = u64::MAX.checked_shr(limit.leading_zeros()).unwrap_or(0);
        let mut candidate = word & mask;
        while candidate > limit {
            candidate = self.next_u64() & mask;
        }
        candidate
    }
}
