//! Which passes a case runs, as text: names, so that a case means the same when the pipeline has grown.
//!
//! In:  a mask (bit n is entry n of [`PIPELINE`]; further bits mean nothing).
//! Out: `null` for all passes, else a list of names; and back.

use plumb_jit::opt::{ALL_PASSES, PIPELINE};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The passes to run, also those that are yet to be written.
pub const ALL: u32 = u32::MAX;

pub fn are_all(mask: &u32) -> bool {
    mask & ALL_PASSES == ALL_PASSES
}

/// The bit of the pass of this name.
pub fn bit(name: &str) -> Result<u32, String> {
    match PIPELINE.iter().position(|pass| pass.name == name) {
        Some(at) => Ok(1 << at),
        None => {
            let names: Vec<&str> = PIPELINE.iter().map(|pass| pass.name).collect();
            Err(format!("there is no pass `{name}`; there are {}", names.join(", ")))
        }
    }
}

pub fn serialize<S: Serializer>(mask: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    let enabled = PIPELINE.iter().enumerate().filter(|(at, _)| mask & (1 << at) != 0);
    let names: Vec<&str> = enabled.map(|(_, pass)| pass.name).collect();
    (!are_all(mask)).then_some(names).serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let Some(names) = Option::<Vec<String>>::deserialize(deserializer)? else { return Ok(ALL) };
    let mask = names.iter().try_fold(0, |mask, name| Ok(mask | bit(name)?));
    mask.map_err(|error: String| serde::de::Error::custom(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::CaseConfig;

    #[test]
    fn masks_come_back() {
        for mask in 0..=ALL_PASSES {
            let config = CaseConfig { passes: mask, ..CaseConfig::default() };
            let text = serde_json::to_string(&config).unwrap();
            let back: CaseConfig = serde_json::from_str(&text).unwrap();
            assert_eq!(back.passes & ALL_PASSES, mask, "{text}");
        }
    }

    #[test]
    fn names_are_written_and_must_be_known() {
        let config = CaseConfig { passes: bit("cse").unwrap(), ..CaseConfig::default() };
        assert!(serde_json::to_string(&config).unwrap().contains(r#""passes":["cse"]"#));
        let wrong = serde_json::from_str::<CaseConfig>(r#"{"passes":["licm"]}"#).unwrap_err();
        assert!(
            wrong.to_string().starts_with("there is no pass `licm`; there are fold, "),
            "{wrong}"
        );
    }
}
