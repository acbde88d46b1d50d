//! The binary format, `.cbm`: a flatbuffer with features and trees, then one buffer per table of CTR counts.
//!
//! Layout, little endian: `CBM1`, size, flatbuffer; then for each named part its bytes. Of the parts only the CTR
//! tables are read; one for texts or embeddings means a model that is not served.

use super::{
    error::{Fault, invalid, unsupported},
    file::{
        CatFeature, Combination, Counts, Ctr, CtrBase, CtrKind, CtrTable, FloatFeature, Missing, ModelFile, Node,
        OneHot, Trees,
    },
    wire,
};

/// The first bytes of a file.
pub(super) const MAGIC: &[u8] = b"CBM1";

/// The only format of the core that there has been.
const FORMAT: &str = "FlabuffersModel_v1";

/// The part that holds CTR tables.
const CTR_PART: &str = "static_provider_v1";

/// Hash (8 bytes) and entry (4 bytes).
const INDEX_ENTRY_BYTES: usize = 12;

/// The hash that marks an unused slot of a table's index.
const UNUSED: u64 = u64::MAX;

/// Reads a file that begins with [`MAGIC`].
pub(super) fn read(bytes: &[u8]) -> Result<ModelFile, Fault> {
    let mut rest = Rest(bytes.strip_prefix(MAGIC).ok_or_else(|| invalid("it does not begin with CBM1"))?);
    let core_bytes = rest.sized("the model core")?;
    let core = wire::root::<wire::ModelCore<'_>>(core_bytes).map_err(|error| flatbuffer("the model core", &error))?;
    if core.format_version() != Some(FORMAT) {
        return Err(unsupported("a CatBoost core format other than FlabuffersModel_v1"));
    }
    let trees = core.trees().ok_or_else(|| invalid("the model core has no trees"))?;
    let mut model = model_trees(trees)?;
    for pair in core.info().into_iter().flatten() {
        model.info.insert(pair.key().unwrap_or_default().to_owned(), pair.value().unwrap_or_default().to_owned());
    }
    for part in core.parts().into_iter().flatten() {
        if part != CTR_PART {
            return Err(unsupported(format!("CatBoost model part {part:?}")));
        }
        let count = rest.size("the number of CTR tables")?;
        for number in 0..count {
            let what = format!("CTR table {number}");
            model.tables.push(ctr_table(rest.sized(&what)?, &what)?);
        }
    }
    Ok(model)
}

fn model_trees(trees: wire::ModelTrees<'_>) -> Result<ModelFile, Fault> {
    for (what, list) in [("text", trees.texts()), ("embedding", trees.embeddings()), ("estimated", trees.estimated())] {
        if list.is_some_and(|list| !list.is_empty()) {
            return Err(unsupported(format!("CatBoost {what} features")));
        }
    }
    let bias = match trees.multi_bias() {
        Some(bias) if !bias.is_empty() => bias.iter().collect(),
        _ => vec![trees.bias().unwrap_or(0.0)],
    };
    let numbers = |list: Option<flatbuffers::Vector<'_, f64>>| list.into_iter().flatten().collect();
    Ok(ModelFile {
        floats: trees.floats().into_iter().flatten().map(float_feature).collect::<Result<_, _>>()?,
        cats: trees.cats().into_iter().flatten().map(cat_feature).collect::<Result<_, _>>()?,
        one_hots: trees.one_hots().into_iter().flatten().map(one_hot).collect::<Result<_, _>>()?,
        ctrs: trees.ctrs().into_iter().flatten().map(ctr).collect::<Result<_, _>>()?,
        dimension: index(trees.dimension().unwrap_or(0), "the number of values per leaf")?,
        trees: if trees.steps().is_some_and(|steps| !steps.is_empty()) {
            Trees::NonSymmetric(non_symmetric(trees)?)
        } else {
            Trees::Oblivious(oblivious(trees)?)
        },
        leaf_values: numbers(trees.leaf_values()),
        leaf_weights: numbers(trees.leaf_weights()),
        scale: trees.scale().unwrap_or(1.0),
        bias,
        ..ModelFile::default()
    })
}

fn float_feature(feature: wire::FloatFeature<'_>) -> Result<FloatFeature, Fault> {
    let missing = match (feature.has_nans().unwrap_or(false), feature.nan_treatment().unwrap_or(0)) {
        (false, 0..=2) | (true, 0) => Missing::NotANumber,
        (true, 1) => Missing::Lowest,
        (true, 2) => Missing::Highest,
        (_, other) => return Err(invalid(format!("NaN treatment {other} is not known"))),
    };
    Ok(FloatFeature {
        index: index(feature.index().unwrap_or(0), "a float feature's index")?,
        flat_index: index(feature.flat_index().unwrap_or(0), "a float feature's flat index")?,
        name: feature.name().unwrap_or_default().to_owned(),
        borders: feature.borders().into_iter().flatten().collect(),
        missing,
    })
}

fn cat_feature(feature: wire::CatFeature<'_>) -> Result<CatFeature, Fault> {
    Ok(CatFeature {
        index: index(feature.index().unwrap_or(0), "a categorical feature's index")?,
        flat_index: index(feature.flat_index().unwrap_or(0), "a categorical feature's flat index")?,
        name: feature.name().unwrap_or_default().to_owned(),
    })
}

fn one_hot(feature: wire::OneHotFeature<'_>) -> Result<OneHot, Fault> {
    Ok(OneHot {
        cat: index(feature.cat().unwrap_or(0), "a one-hot feature's index")?,
        values: feature.values().into_iter().flatten().map(i32::cast_unsigned).collect(),
    })
}

fn ctr(feature: wire::CtrFeature<'_>) -> Result<Ctr, Fault> {
    let ctr = feature.ctr().ok_or_else(|| invalid("a CTR feature has no CTR"))?;
    Ok(Ctr {
        base: ctr_base(ctr.base())?,
        target_border: index(ctr.target_border().unwrap_or(0), "a CTR's target border")?,
        prior_num: ctr.prior_num().unwrap_or(0.0),
        prior_denom: ctr.prior_denom().unwrap_or(1.0),
        shift: ctr.shift().unwrap_or(0.0),
        scale: ctr.scale().unwrap_or(1.0),
        borders: feature.borders().into_iter().flatten().collect(),
    })
}

fn ctr_base(base: Option<wire::CtrBase<'_>>) -> Result<CtrBase, Fault> {
    let base = base.ok_or_else(|| invalid("a CTR has no base"))?;
    let kind = base.kind().unwrap_or(0);
    Ok(CtrBase {
        combination: base.combination().map(combination).transpose()?.unwrap_or_default(),
        kind: CtrKind::from_number(kind).ok_or_else(|| invalid(format!("CTR type {kind} is not known")))?,
        target_classifier: index(base.target_classifier().unwrap_or(0), "a CTR's target classifier")?,
    })
}

fn combination(combination: wire::Combination<'_>) -> Result<Combination, Fault> {
    let cats = combination.cats().into_iter().flatten();
    let floats = combination.floats().into_iter().flatten().map(|split| halves(split.0));
    let one_hots = combination.one_hots().into_iter().flatten().map(|split| halves(split.0));
    let named = |(feature, value): (i32, u32)| Ok((index(feature, "a feature of a combination")?, value));
    Ok(Combination {
        cats: cats.map(|cat| index(cat, "a category of a combination")).collect::<Result<_, _>>()?,
        floats: floats.map(named).collect::<Result<_, Fault>>()?,
        one_hots: one_hots.map(named).collect::<Result<_, Fault>>()?,
    })
}

fn halves(bytes: [u8; 8]) -> (i32, u32) {
    let [a, b, c, d, e, f, g, h] = bytes;
    (i32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
}

fn oblivious(trees: wire::ModelTrees<'_>) -> Result<Vec<Vec<usize>>, Fault> {
    let splits: Vec<i32> = trees.splits().into_iter().flatten().collect();
    let sizes: Vec<i32> = trees.sizes().into_iter().flatten().collect();
    let starts: Vec<i32> = trees.starts().into_iter().flatten().collect();
    if sizes.len() != starts.len() {
        return Err(invalid("the lists of tree sizes and starts differ in length"));
    }
    // A tree's splits follow the last one's; anything else would let a small file hold huge trees.
    let mut next = 0;
    sizes
        .iter()
        .zip(&starts)
        .enumerate()
        .map(|(tree, (&size, &start))| {
            let size = index(size, "a tree's size")?;
            if index(start, "a tree's start")? != next {
                return Err(invalid(format!("tree {tree} does not begin where the last one ends")));
            }
            let own = splits.get(next..next.saturating_add(size));
            next = next.saturating_add(size);
            let own = own.ok_or_else(|| invalid(format!("the splits of tree {tree} are cut short")))?;
            own.iter().map(|&split| index(split, "a split")).collect()
        })
        .collect()
}

fn non_symmetric(trees: wire::ModelTrees<'_>) -> Result<Vec<Vec<Node>>, Fault> {
    let splits: Vec<i32> = trees.splits().into_iter().flatten().collect();
    let steps: Vec<wire::Step> = trees.steps().into_iter().flatten().collect();
    let leaf_ids: Vec<u32> = trees.leaf_ids().into_iter().flatten().collect();
    if steps.len() != splits.len() || leaf_ids.len() != splits.len() {
        return Err(invalid("the lists of splits, steps and leaves differ in length"));
    }
    let nodes: Vec<Node> = splits
        .iter()
        .zip(&steps)
        .zip(&leaf_ids)
        .map(|((&split, step), &leaf)| {
            let [a, b, c, d] = step.0;
            let value = usize::try_from(leaf).ok().filter(|_| leaf != u32::MAX);
            let (left, right) = (u16::from_le_bytes([a, b]).into(), u16::from_le_bytes([c, d]).into());
            Ok(Node { split: index(split, "a split")?, left, right, value })
        })
        .collect::<Result<_, Fault>>()?;
    let starts = trees.starts().into_iter().flatten().map(|start| index(start, "a tree's start"));
    let starts: Vec<usize> = starts.collect::<Result<_, _>>()?;
    let ends = starts.iter().copied().skip(1).chain([nodes.len()]);
    starts
        .iter()
        .zip(ends)
        .enumerate()
        .map(|(tree, (&start, end))| {
            let own = nodes.get(start..end).filter(|own| !own.is_empty());
            own.map(<[Node]>::to_vec).ok_or_else(|| invalid(format!("the nodes of tree {tree} are not there")))
        })
        .collect()
}

fn ctr_table(bytes: &[u8], what: &str) -> Result<CtrTable, Fault> {
    let table = wire::root::<wire::CtrValueTable<'_>>(bytes).map_err(|error| flatbuffer(what, &error))?;
    let base = ctr_base(table.base())?;
    let index_bytes = table.index().map_or(&[][..], |index| index.bytes());
    if !index_bytes.len().is_multiple_of(INDEX_ENTRY_BYTES) {
        return Err(invalid(format!("the index of {what} is cut short")));
    }
    let entries = index_bytes.chunks_exact(INDEX_ENTRY_BYTES).map(|entry| {
        let (hash, number) = entry.split_at(8);
        let hash = u64::from_le_bytes(hash.try_into().expect("split_at(8) gives 8 bytes"));
        (hash, u32::from_le_bytes(number.try_into().expect("12 - 8 bytes are 4")))
    });
    let blob = table.blob().map_or(&[][..], |blob| blob.bytes());
    Ok(CtrTable {
        entries: entries.filter(|&(hash, _)| hash != UNUSED).collect(),
        counts: counts(blob, base.kind, what)?,
        base,
        counter_denominator: table.counter_denominator().unwrap_or(0),
        classes: index(table.classes().unwrap_or(0), "a CTR table's number of classes")?,
    })
}

fn counts(blob: &[u8], kind: CtrKind, what: &str) -> Result<Counts, Fault> {
    let size = if matches!(kind, CtrKind::BinarizedTargetMeanValue | CtrKind::FloatTargetMeanValue) { 8 } else { 4 };
    if !blob.len().is_multiple_of(size) {
        return Err(invalid(format!("the counts of {what} are cut short")));
    }
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("a chunk of 4 bytes"));
    let words = blob.chunks_exact(4).map(word);
    if size == 4 {
        return Ok(Counts::Integers(words.map(u32::cast_signed).collect()));
    }
    let mean = |pair: &[u8]| (f32::from_bits(word(&pair[..4])), word(&pair[4..]).cast_signed());
    Ok(Counts::Means(blob.chunks_exact(8).map(mean).collect()))
}

fn index(number: i32, what: &str) -> Result<usize, Fault> {
    usize::try_from(number).map_err(|_| invalid(format!("{what} is {number}")))
}

fn flatbuffer(what: &str, error: &flatbuffers::InvalidFlatbuffer) -> Fault {
    // The crate's text has a trace of several lines; its first one says what is wrong.
    let text = error.to_string();
    invalid(format!(
        "{what} is damaged: {}",
        text.lines().next().unwrap_or_default().trim_end_matches('.').to_lowercase()
    ))
}

/// The bytes that have not been read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    /// A size and as many bytes.
    fn sized(&mut self, what: &str) -> Result<&'a [u8], Fault> {
        let size = self.size(what)?;
        self.take(size, what)
    }

    /// A size as CatBoost writes it: 32 bits, or 64 after a marker.
    fn size(&mut self, what: &str) -> Result<usize, Fault> {
        let short = self.take(4, what)?.try_into().expect("4 bytes were taken");
        let size = match u32::from_le_bytes(short) {
            u32::MAX => u64::from_le_bytes(self.take(8, what)?.try_into().expect("8 bytes were taken")),
            size => size.into(),
        };
        usize::try_from(size).map_err(|_| cut_short(what))
    }

    fn take(&mut self, size: usize, what: &str) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.0.split_at_checked(size).ok_or_else(|| cut_short(what))?;
        self.0 = rest;
        Ok(taken)
    }
}

fn cut_short(what: &str) -> Fault {
    invalid(format!("the file ends within {what}"))
}
