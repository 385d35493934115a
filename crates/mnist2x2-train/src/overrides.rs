//! Settings changed one by one: what a file or a flag says, laid over a whole.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::Error;

/// What the TOML file at `path` holds.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::Run`] with the line of what cannot be understood.
pub fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = fs::read_to_string(path).map_err(Error::io(path))?;
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
        Error::run(path, format!("line {line}: {}", error.message().replace('\n', " ")))
    })
}

/// `base` with the settings of `overrides` in place of its own; `section` is what messages call it.
///
/// # Errors
/// [`Error::Setting`] names a setting that `base` does not have, with the one that was probably meant, or that has a value
/// of another type.
pub fn with_overrides<T: Serialize + DeserializeOwned>(
    base: &T,
    overrides: &Table,
    section: &str,
) -> Result<T, Error> {
    let failed = |problem: String| Error::Setting { setting: section.into(), problem };
    let mut whole = Table::try_from(base).map_err(|error| failed(error.to_string()))?;
    lay_over(&mut whole, overrides, section)?;
    whole.try_into().map_err(|error: toml::de::Error| failed(error.message().replace('\n', " ")))
}

fn lay_over(whole: &mut Table, overrides: &Table, section: &str) -> Result<(), Error> {
    for (key, value) in overrides {
        let setting = format!("{section}.{key}");
        let Some(place) = whole.get_mut(key) else {
            return Err(Error::Setting { setting, problem: unknown(key, whole) });
        };
        match (place, value) {
            (Value::Table(inner), Value::Table(overrides)) => lay_over(inner, overrides, &setting)?,
            (Value::Float(place), Value::Integer(value)) => *place = *value as f64,
            (place, value) if place.same_type(value) => *place = value.clone(),
            (place, value) => {
                let problem = format!("is {value}, but must be of type {}", place.type_str());
                return Err(Error::Setting { setting, problem });
            }
        }
    }
    Ok(())
}

/// What to say of a key that `known` does not have.
fn unknown(key: &str, known: &Table) -> String {
    let nearest = known.keys().max_by(|a, b| strsim::jaro(a, key).total_cmp(&strsim::jaro(b, key)));
    match nearest {
        Some(nearest) if strsim::jaro(nearest, key) > 0.7 => {
            format!("is no setting; did you mean `{nearest}`?")
        }
        _ => {
            let names: Vec<&str> = known.keys().map(String::as_str).collect();
            format!("is no setting; there are {}", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recipe;

    fn recipe(overrides: &str) -> Result<Recipe, String> {
        let overrides = overrides.parse::<Table>().unwrap();
        with_overrides(&Recipe::recommended(7), &overrides, "recipe").map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_named_stays() {
        let changed = recipe("batch = 32\noptimiser.learning_rate = 1\n[augmentation]\nshift = 0.5").unwrap();
        let mut expected = Recipe { batch: 32, ..Recipe::recommended(7) };
        expected.optimiser.learning_rate = 1.0;
        expected.augmentation.shift = 0.5;
        assert_eq!(changed, expected);
        assert_eq!(recipe("").unwrap(), Recipe::recommended(7));
    }

    #[test]
    fn what_is_wrong_is_named_with_a_hint() {
        for (overrides, expected) in [
            ("epoch = 3", "`recipe.epoch` is no setting; did you mean `epochs`?"),
            (
                "optimiser.learningrate = 3",
                "`recipe.optimiser.learningrate` is no setting; did you mean `learning_rate`?",
            ),
            ("schedule.xyz = 1", "there are decay, shape, warm_up"),
            ("batch = \"many\"", "`recipe.batch` is \"many\", but must be of type integer"),
            ("keep = \"first\"", "unknown variant `first`"),
            ("batch = -3", "invalid value"),
        ] {
            let message = recipe(overrides).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }
}
