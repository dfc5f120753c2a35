//! The arms that the serializers and deserializers of all codecs have in common.
//!
//! Each macro stands in for a part of an `impl` of a serde trait and forwards serde's methods, with
//! their many arguments, to short inherent methods of the implementing type. A codec so states only
//! what differs. The macros expand to what would be written by hand: nothing is added at run time.

/// Forwards the arms of a `Serializer` whose value is `$ok` and whose containers are `$compound`.
///
/// The scalars stay with the codec. The arms call `empty_object`, `unit_variant`,
/// `newtype_struct`, `newtype_variant`, `seq`, `tuple`, `tuple_struct`, `tuple_variant`, `map` and
/// `object` of the implementing type.
macro_rules! forward_serializer {
    ($ok:ty, $compound:ty) => {
        type Ok = $ok;
        type Error = $crate::error::EncodeError;
        type SerializeSeq = $compound;
        type SerializeTuple = $compound;
        type SerializeTupleStruct = $compound;
        type SerializeTupleVariant = $compound;
        type SerializeMap = $compound;
        type SerializeStruct = $compound;
        type SerializeStructVariant = $compound;

        #[inline]
        fn serialize_f32(self, value: f32) -> Result<$ok, Self::Error> {
            self.serialize_f64(value.into())
        }

        #[inline]
        fn serialize_char(self, value: char) -> Result<$ok, Self::Error> {
            self.serialize_str(value.encode_utf8(&mut [0; 4]))
        }

        #[inline]
        fn serialize_none(self) -> Result<$ok, Self::Error> {
            self.serialize_unit()
        }

        #[inline]
        fn serialize_some<T: serde::Serialize + ?Sized>(
            self,
            value: &T,
        ) -> Result<$ok, Self::Error> {
            value.serialize(self)
        }

        #[inline]
        fn serialize_unit_struct(self, name: &'static str) -> Result<$ok, Self::Error> {
            self.empty_object(name)
        }

        #[inline]
        fn serialize_unit_variant(
            self,
            name: &'static str,
            _index: u32,
            variant: &'static str,
        ) -> Result<$ok, Self::Error> {
            self.unit_variant(name, variant)
        }

        #[inline]
        fn serialize_newtype_struct<T: serde::Serialize + ?Sized>(
            self,
            name: &'static str,
            value: &T,
        ) -> Result<$ok, Self::Error> {
            self.newtype_struct(name, value)
        }

        #[inline]
        fn serialize_newtype_variant<T: serde::Serialize + ?Sized>(
            self,
            _name: &'static str,
            _index: u32,
            variant: &'static str,
            value: &T,
        ) -> Result<$ok, Self::Error> {
            self.newtype_variant(variant, value)
        }

        #[inline]
        fn serialize_seq(self, len: Option<usize>) -> Result<$compound, Self::Error> {
            self.seq(len)
        }

        #[inline]
        fn serialize_tuple(self, len: usize) -> Result<$compound, Self::Error> {
            self.tuple(len)
        }

        #[inline]
        fn serialize_tuple_struct(
            self,
            name: &'static str,
            len: usize,
        ) -> Result<$compound, Self::Error> {
            self.tuple_struct(name, len)
        }

        #[inline]
        fn serialize_tuple_variant(
            self,
            _name: &'static str,
            _index: u32,
            variant: &'static str,
            len: usize,
        ) -> Result<$compound, Self::Error> {
            self.tuple_variant(variant, len)
        }

        #[inline]
        fn serialize_map(self, len: Option<usize>) -> Result<$compound, Self::Error> {
            self.map(len)
        }

        #[inline]
        fn serialize_struct(
            self,
            name: &'static str,
            len: usize,
        ) -> Result<$compound, Self::Error> {
            self.object(name, len)
        }

        #[inline]
        fn serialize_struct_variant(
            self,
            _name: &'static str,
            _index: u32,
            variant: &'static str,
            len: usize,
        ) -> Result<$compound, Self::Error> {
            self.object(variant, len)
        }
    };
}

/// Implements the seven traits of serde's containers for `$compound`, which ends in `$ok`.
///
/// They call `element`, `field`, `key`, `entry_value` and `finish` of that type, and the method
/// named behind `skip` when a field is left out.
macro_rules! forward_compound {
    ([$($generics:tt)*] $compound:ty, $ok:ty $(, skip $skip:ident)?) => {
        $crate::forward::forward_compound! {
            @elements [$($generics)*] $compound, $ok,
            SerializeSeq serialize_element, SerializeTuple serialize_element,
            SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field
        }
        $crate::forward::forward_compound! {
            @fields [$($generics)*] $compound, $ok, SerializeStruct $(, $skip)?
        }
        $crate::forward::forward_compound! {
            @fields [$($generics)*] $compound, $ok, SerializeStructVariant $(, $skip)?
        }

        impl<$($generics)*> serde::ser::SerializeMap for $compound {
            type Ok = $ok;
            type Error = $crate::error::EncodeError;

            #[inline]
            fn serialize_key<T: serde::Serialize + ?Sized>(
                &mut self,
                key: &T,
            ) -> Result<(), Self::Error> {
                self.key(key)
            }

            #[inline]
            fn serialize_value<T: serde::Serialize + ?Sized>(
                &mut self,
                value: &T,
            ) -> Result<(), Self::Error> {
                self.entry_value(value)
            }

            #[inline]
            fn end(self) -> Result<$ok, Self::Error> {
                self.finish()
            }
        }
    };
    (@elements $generics:tt $compound:ty, $ok:ty, $($trait:ident $method:ident),*) => {
        $($crate::forward::forward_compound! {
            @element $generics $compound, $ok, $trait $method
        })*
    };
    (@element [$($generics:tt)*] $compound:ty, $ok:ty, $trait:ident $method:ident) => {
        impl<$($generics)*> serde::ser::$trait for $compound {
            type Ok = $ok;
            type Error = $crate::error::EncodeError;

            #[inline]
            fn $method<T: serde::Serialize + ?Sized>(
                &mut self,
                value: &T,
            ) -> Result<(), Self::Error> {
                self.element(value)
            }

            #[inline]
            fn end(self) -> Result<$ok, Self::Error> {
                self.finish()
            }
        }
    };
    (@fields [$($generics:tt)*] $compound:ty, $ok:ty, $trait:ident $(, $skip:ident)?) => {
        impl<$($generics)*> serde::ser::$trait for $compound {
            type Ok = $ok;
            type Error = $crate::error::EncodeError;

            #[inline]
            fn serialize_field<T: serde::Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Self::Error> {
                self.field(name, value)
            }

            $(
                #[inline]
                fn skip_field(&mut self, _name: &'static str) -> Result<(), Self::Error> {
                    self.$skip();
                    Ok(())
                }
            )?

            #[inline]
            fn end(self) -> Result<$ok, Self::Error> {
                self.finish()
            }
        }
    };
}

/// Forwards the named arms of a `Deserializer`: each to the inherent method of its name, but
/// `struct` to `object`, `enum` to `enumeration`, `tuples_as_seq` to `deserialize_seq`, and
/// `ignored_any` to nothing, where values are skipped by not being read.
macro_rules! forward_deserializer {
    (@unit_struct) => {
        #[inline]
        fn deserialize_unit_struct<V: serde::de::Visitor<'de>>(
            self,
            name: &'static str,
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            self.unit_struct(name, visitor)
        }
    };
    (@newtype_struct) => {
        #[inline]
        fn deserialize_newtype_struct<V: serde::de::Visitor<'de>>(
            self,
            name: &'static str,
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            self.newtype_struct(name, visitor)
        }
    };
    (@tuple) => {
        #[inline]
        fn deserialize_tuple<V: serde::de::Visitor<'de>>(
            self,
            _len: usize,
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            self.tuple(visitor)
        }
    };
    (@tuple_struct) => {
        #[inline]
        fn deserialize_tuple_struct<V: serde::de::Visitor<'de>>(
            self,
            name: &'static str,
            _len: usize,
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            self.tuple_struct(name, visitor)
        }
    };
    (@tuples_as_seq) => {
        #[inline]
        fn deserialize_tuple<V: serde::de::Visitor<'de>>(
            self,
            _len: usize,
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            self.deserialize_seq(visitor)
        }

        #[inline]
        fn deserialize_tuple_struct<V: serde::de::Visitor<'de>>(
            self,
            _name: &'static str,
            _len: usize,
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            self.deserialize_seq(visitor)
        }
    };
    (@struct) => {
        #[inline]
        fn deserialize_struct<V: serde::de::Visitor<'de>>(
            self,
            name: &'static str,
            _fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            self.object(name, visitor)
        }
    };
    (@enum) => {
        #[inline]
        fn deserialize_enum<V: serde::de::Visitor<'de>>(
            self,
            name: &'static str,
            variants: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            self.enumeration(name, variants, visitor)
        }
    };
    (@ignored_any) => {
        #[inline]
        fn deserialize_ignored_any<V: serde::de::Visitor<'de>>(
            self,
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            visitor.visit_unit()
        }
    };
    ($($arm:ident)*) => {
        $($crate::forward::forward_deserializer! { @$arm })*
    };
}

/// Forwards a `VariantAccess` over an object: a unit variant ignores its fields, `content` is the
/// deserializer of a newtype variant's inner type, `tuple` and `fields` read those of the others.
macro_rules! forward_variant_access {
    () => {
        type Error = $crate::error::DecodeError;

        #[inline]
        fn unit_variant(self) -> Result<(), Self::Error> {
            Ok(())
        }

        #[inline]
        fn newtype_variant_seed<S: serde::de::DeserializeSeed<'de>>(
            self,
            seed: S,
        ) -> Result<S::Value, Self::Error> {
            seed.deserialize(self.content()?)
        }

        #[inline]
        fn tuple_variant<V: serde::de::Visitor<'de>>(
            self,
            _len: usize,
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            self.tuple(visitor)
        }

        #[inline]
        fn struct_variant<V: serde::de::Visitor<'de>>(
            self,
            _fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            self.fields(visitor)
        }
    };
}

pub(crate) use {
    forward_compound, forward_deserializer, forward_serializer, forward_variant_access,
};
