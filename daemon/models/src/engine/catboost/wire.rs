//! The tables of CatBoost's flatbuffers (`model.fbs`, `features.fbs`, `ctr_data.fbs`), as far as scoring needs them.
//!
//! Written by hand in place of flatc's output, which would be twenty times as long. Nothing is read before
//! [`flatbuffers`]' verifier has followed every offset.

#![allow(unsafe_code)] // The crate's accessors are unsafe; each table below comes out of its verifier only.

use flatbuffers::{
    Follow, ForwardsUOffset, InvalidFlatbuffer, SimpleToVerifyInSlice, Table, VOffsetT, Vector, Verifiable, Verifier,
    VerifierOptions,
};

/// A vector of numbers or structs.
type Numbers<'a, T> = ForwardsUOffset<Vector<'a, T>>;
/// A vector of tables.
type Tables<'a, T> = ForwardsUOffset<Vector<'a, ForwardsUOffset<T>>>;
/// A text.
type Text<'a> = ForwardsUOffset<&'a str>;

/// Largest number of tables in one buffer: features, CTRs and their combinations. The largest real models have some
/// ten thousands.
const MAX_TABLES: usize = 10_000_000;

/// How much larger than the file its contents may be when shared tables are counted each time they are used
/// (CatBoost writes equal combinations once).
const SHARING: usize = 16;

/// The first table of a verified buffer.
///
/// # Errors
/// What the verifier met.
pub(super) fn root<'a, T: Follow<'a> + Verifiable + 'a>(bytes: &'a [u8]) -> Result<T::Inner, InvalidFlatbuffer> {
    let options = VerifierOptions {
        max_tables: MAX_TABLES,
        max_apparent_size: bytes.len().saturating_mul(SHARING),
        ..VerifierOptions::default()
    };
    flatbuffers::root_with_opts::<T>(&options, bytes)
}

/// Declares a table: `number name: type` for each field that is read.
macro_rules! table {
    ($name:ident { $($number:literal $field:ident: $type:ty,)* }) => {
        #[derive(Clone, Copy)]
        #[allow(dead_code)] // Of features that are not served only the presence is looked at.
        pub(super) struct $name<'a>(Table<'a>);

        impl<'a> Follow<'a> for $name<'a> {
            type Inner = Self;

            unsafe fn follow(buffer: &'a [u8], position: usize) -> Self {
                // SAFETY: the caller's promise, that a verified table of this type is at `position`, is all it needs.
                Self(unsafe { Table::new(buffer, position) })
            }
        }

        impl<'a> Verifiable for $name<'a> {
            fn run_verifier(verifier: &mut Verifier<'_, '_>, position: usize) -> Result<(), InvalidFlatbuffer> {
                verifier.visit_table(position)?
                    $(.visit_field::<$type>(stringify!($field), slot($number), false)?)*
                    .finish();
                Ok(())
            }
        }

        #[allow(dead_code)]
        impl<'a> $name<'a> {
            $(pub(super) fn $field(self) -> Option<<$type as Follow<'a>>::Inner> {
                // SAFETY: the verifier has seen this very type at this slot, and a table is only made of verified bytes.
                unsafe { self.0.get::<$type>(slot($number), None) }
            })*
        }
    };
}

/// Where a field's offset stands in the vtable: after the sizes of the vtable and of the table.
const fn slot(number: VOffsetT) -> VOffsetT {
    4 + 2 * number
}

table!(ModelCore {
    0 format_version: Text<'a>,
    1 trees: ForwardsUOffset<ModelTrees<'a>>,
    2 info: Tables<'a, KeyValue<'a>>,
    3 parts: ForwardsUOffset<Vector<'a, ForwardsUOffset<&'a str>>>,
});
table!(KeyValue { 0 key: Text<'a>, 1 value: Text<'a>, });
table!(ModelTrees {
    0 dimension: i32,
    1 splits: Numbers<'a, i32>,
    2 sizes: Numbers<'a, i32>,
    3 starts: Numbers<'a, i32>,
    4 cats: Tables<'a, CatFeature<'a>>,
    5 floats: Tables<'a, FloatFeature<'a>>,
    6 one_hots: Tables<'a, OneHotFeature<'a>>,
    7 ctrs: Tables<'a, CtrFeature<'a>>,
    8 leaf_values: Numbers<'a, f64>,
    9 leaf_weights: Numbers<'a, f64>,
    10 steps: Numbers<'a, Step>,
    11 leaf_ids: Numbers<'a, u32>,
    12 texts: Tables<'a, OtherFeature<'a>>,
    13 estimated: Tables<'a, OtherFeature<'a>>,
    14 scale: f64,
    15 bias: f64,
    16 multi_bias: Numbers<'a, f64>,
    18 embeddings: Tables<'a, OtherFeature<'a>>,
});
table!(OtherFeature { 0 index: i32, });
table!(FloatFeature {
    0 has_nans: bool,
    1 index: i32,
    2 flat_index: i32,
    3 borders: Numbers<'a, f32>,
    4 name: Text<'a>,
    5 nan_treatment: i8,
});
table!(CatFeature { 0 index: i32, 1 flat_index: i32, 2 name: Text<'a>, });
table!(OneHotFeature { 0 cat: i32, 1 values: Numbers<'a, i32>, });
table!(CtrFeature { 0 ctr: ForwardsUOffset<ModelCtr<'a>>, 1 borders: Numbers<'a, f32>, });
table!(ModelCtr {
    0 base: ForwardsUOffset<CtrBase<'a>>,
    1 target_border: i32,
    2 prior_num: f32,
    3 prior_denom: f32,
    4 shift: f32,
    5 scale: f32,
});
table!(CtrBase { 0 combination: ForwardsUOffset<Combination<'a>>, 1 kind: i8, 2 target_classifier: i32, });
table!(Combination { 0 cats: Numbers<'a, i32>, 1 floats: Numbers<'a, FloatSplit>, 2 one_hots: Numbers<'a, OneHotSplit>, });
table!(CtrValueTable {
    0 base: ForwardsUOffset<CtrBase<'a>>,
    1 index: Numbers<'a, u8>,
    2 blob: Numbers<'a, u8>,
    3 counter_denominator: i32,
    4 classes: i32,
});

/// Declares a struct of plain bytes.
macro_rules! bytes_struct {
    ($name:ident, $size:literal) => {
        #[derive(Clone, Copy)]
        #[repr(transparent)]
        pub(super) struct $name(pub(super) [u8; $size]);

        impl SimpleToVerifyInSlice for $name {}

        impl<'a> Follow<'a> for $name {
            type Inner = Self;

            unsafe fn follow(buffer: &'a [u8], position: usize) -> Self {
                let bytes = &buffer[position..position + $size];
                Self(bytes.try_into().expect("the slice has the array's length"))
            }
        }
    };
}

bytes_struct!(Step, 4);
bytes_struct!(FloatSplit, 8);
bytes_struct!(OneHotSplit, 8);
