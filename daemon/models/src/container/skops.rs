//! skops archives: a zip of `schema.json` and `.npy` files.
//!
//! The schema is a tree of nodes, each with the class that Python would make of it. Only the nodes that are asked for
//! are looked at; the others are skipped as text, so that memory stays within a small multiple of the file.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
};

use serde::Deserialize;
use serde_json::value::RawValue;
use zip::ZipArchive;

use super::numpy;
use crate::engine::Labels;

/// skops stores without compression; who packs an archive again makes a model's text 3 to 5 times smaller.
const MAX_COMPRESSION: u64 = 100;

/// An archive that has been opened.
#[derive(Debug)]
pub struct Skops<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    schema: String,
    /// What a member may become when it is unpacked.
    limit: u64,
}

/// A node of the schema.
#[derive(Clone, Debug, Deserialize)]
pub struct Node<'s> {
    /// Class or function.
    #[serde(rename = "__class__", default)]
    pub class: String,
    /// Its module.
    #[serde(rename = "__module__", default)]
    pub module: String,
    #[serde(rename = "__loader__", default)]
    loader: String,
    #[serde(borrow, default)]
    content: Option<&'s RawValue>,
    #[serde(default)]
    file: Option<String>,
}

impl<'a> Skops<'a> {
    /// Opens an archive.
    ///
    /// # Errors
    /// A text that says what is wrong with it.
    pub fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
        let limit = (bytes.len() as u64).saturating_mul(MAX_COMPRESSION);
        let schema = member(&mut archive, "schema.json", limit)?;
        let schema = String::from_utf8(schema).map_err(|_| "schema.json is not UTF-8")?;
        Ok(Self { archive, schema, limit })
    }

    /// The outermost node.
    ///
    /// # Errors
    /// A text that says where the schema is not one.
    pub fn root(&self) -> Result<Node<'_>, String> {
        serde_json::from_str(&self.schema).map_err(|error| format!("schema.json: {error}"))
    }

    /// The labels of an array node. `None`: it is not one, or not of labels.
    ///
    /// # Errors
    /// A text that says what is wrong with the member that holds it.
    pub fn labels(&self, node: &Node<'_>) -> Result<Option<Labels>, String> {
        if node.loader != "NdArrayNode" {
            return Ok(None);
        }
        match &node.file {
            Some(file) => Ok(numpy::labels_of_npy(&member(&mut self.archive.clone(), file, self.limit)?)),
            None => Ok(node.elements().as_deref().and_then(labels_of_objects)),
        }
    }
}

impl<'s> Node<'s> {
    /// An attribute of an object, or a value of a dictionary.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Node<'s>> {
        let dict = match self.loader.as_str() {
            "ObjectNode" => serde_json::from_str::<Node<'s>>(self.content?.get()).ok()?,
            _ => self.clone(),
        };
        let entries: BTreeMap<String, &'s RawValue> = serde_json::from_str(dict.content?.get()).ok()?;
        serde_json::from_str(entries.get(name)?.get()).ok()
    }

    /// A plain value: text, number, boolean or null. They are JSON within the JSON.
    #[must_use]
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        if self.loader != "JsonNode" {
            return None;
        }
        let json: String = serde_json::from_str(self.content?.get()).ok()?;
        serde_json::from_str(&json).ok()
    }

    /// The nodes of a list.
    fn elements(&self) -> Option<Vec<Node<'s>>> {
        serde_json::from_str(self.content?.get()).ok()
    }
}

fn labels_of_objects(nodes: &[Node<'_>]) -> Option<Labels> {
    fn all<T: serde::de::DeserializeOwned>(nodes: &[Node<'_>]) -> Option<Vec<T>> {
        nodes.iter().map(Node::json).collect()
    }
    all(nodes)
        .map(Labels::Text)
        .or_else(|| all(nodes).map(Labels::Bool))
        .or_else(|| all(nodes).map(Labels::Int))
        .or_else(|| all(nodes).map(Labels::Float))
}

fn member(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str, limit: u64) -> Result<Vec<u8>, String> {
    let file = archive.by_name(name).map_err(|error| format!("{name}: {error}"))?;
    let mut bytes = Vec::new();
    let read = file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| format!("{name}: {error}"))?;
    if read as u64 > limit { Err(format!("{name} has more than {limit} bytes")) } else { Ok(bytes) }
}
