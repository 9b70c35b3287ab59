//! `throughline init`: a folder to keep in git.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::Common;
use crate::error::{EXIT_OK, Failure, Kind, Outcome};
use crate::output::Output;

const IGNORED: &str = "# Facts and builds stay on the machine; definitions and mappings belong in git.\n\
                       .throughline/\nexports/\n";

const MAPPINGS: &str = "Mappings: how tables are read that no preset knows.\n\n\
    `throughline load --explain FILE > mappings/NAME.toml` drafts one.\n";

/// Make a folder with definitions to keep in git
///
/// Example: throughline init acme
#[derive(Args, Debug)]
pub(crate) struct Init {
    /// The folder to make; files that are there already are kept
    folder: PathBuf,
}

/// Makes the folder.
pub(crate) fn run(init: &Init, _common: &Common, output: &Output) -> Outcome {
    let name = init.folder.file_name().and_then(|name| name.to_str()).unwrap_or("Our company");
    if init.folder.is_file() {
        let message = format!("{} is a file", init.folder.display());
        return Err(Failure::usage(message, "Name a folder that is to be made."));
    }
    let made = make(&init.folder, name, domain::definition::STARTER)?;
    if output.json() {
        output.data(json!({ "folder": init.folder.display().to_string(), "made": made }), &[]);
    } else {
        let mut text = if made.is_empty() {
            format!("{} was ready before; nothing was changed.\n", init.folder.display())
        } else {
            format!("{} is ready.\n\n", init.folder.display())
        };
        for file in &made {
            text.push_str(&format!("  {file}\n"));
        }
        let shown = init.folder.display().to_string();
        let shown = if shown.contains(' ') { format!("\"{shown}\"") } else { shown };
        text.push_str(&format!(
            "\nNext:\n  cd {shown}\n  throughline check\n  throughline load PATH/TO/EXPORTS\n  throughline ask pipeline\n"
        ));
        output.result(&text);
    }
    Ok(EXIT_OK)
}

/// Writes definition files and what stands beside them; returns the files that were made.
pub(crate) fn make(
    folder: &Path,
    name: &str,
    definitions: &[(impl AsRef<str>, impl AsRef<str>)],
) -> Result<Vec<String>, Failure> {
    let mut made = Vec::new();
    let quoted = name.replace(['"', '\\'], "");
    for (path, text) in definitions {
        let text = text.as_ref().replace("name = \"Our company\"", &format!("name = \"{quoted}\""));
        write(folder, path.as_ref(), &text, &mut made)?;
    }
    write(folder, ".gitignore", IGNORED, &mut made)?;
    write(folder, "mappings/README.md", MAPPINGS, &mut made)?;
    Ok(made)
}

fn write(folder: &Path, path: &str, text: &str, made: &mut Vec<String>) -> Result<(), Failure> {
    let target = folder.join(path);
    if target.exists() {
        return Ok(());
    }
    let parent = target.parent().unwrap_or(folder);
    fs::create_dir_all(parent).and_then(|()| fs::write(&target, text)).map_err(|error| {
        let message = format!("{} cannot be written: {error}", target.display());
        Failure::new(Kind::World, "file", message)
    })?;
    made.push(path.to_owned());
    Ok(())
}
