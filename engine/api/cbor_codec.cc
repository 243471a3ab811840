// rpc-v2-cbor, which newer SDKs speak to CloudWatch.
// https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html, RFC 8949
#include <fmt/format.h>

#include <bit>
#include <cmath>

#include "api/protocols.h"
#include "api/values.h"
#include "core/utf8.h"

namespace kiban::api {
namespace {

enum Major : unsigned { Unsigned, Negative, Bytes, Text, Array, Map, Tag, Simple };
constexpr unsigned indefinite = 31;
constexpr unsigned char break_byte = 0xff;

std::unexpected<Error> broken(std::string_view what) {
  return fail("SerializationException", fmt::format("The CBOR body is not well-formed: {}", what));
}

double read_half(std::uint64_t bits) {
  const int exponent = static_cast<int>(bits >> 10 & 31);
  const double mantissa = static_cast<double>(bits & 1023);
  double value = 0;
  if (exponent == 0) {
    value = std::ldexp(mantissa, -24);
  } else if (exponent == 31) {
    value = mantissa == 0 ? HUGE_VAL : std::nan("");
  } else {
    value = std::ldexp(mantissa + 1024, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

// CBOR as the JSON that the same input would be: byte strings as base64, times as numbers.
class CborReader {
 public:
  explicit CborReader(std::string_view body) : rest_(body) {}

  Result<json::value> document() {
    KIBAN_TRY(json::value value, item(0));
    if (!rest_.empty()) return broken("there are bytes behind it");
    return value;
  }

 private:
  struct Head {
    Major major{Unsigned};
    unsigned info{0};
    std::uint64_t argument{0};
  };

  Result<Head> head() {
    if (rest_.empty()) return broken("it ends early");
    const auto first = static_cast<unsigned char>(rest_[0]);
    rest_.remove_prefix(1);
    Head out{.major = static_cast<Major>(first >> 5), .info = first & 31U};
    out.argument = out.info;
    if (out.info < 24 || out.info == indefinite) return out;
    if (out.info > 27) return broken("a reserved length");
    const std::size_t size = std::size_t{1} << (out.info - 24);
    if (rest_.size() < size) return broken("it ends early");
    out.argument = 0;
    for (std::size_t i = 0; i < size; ++i) {
      out.argument = out.argument << 8 | static_cast<unsigned char>(rest_[i]);
    }
    rest_.remove_prefix(size);
    return out;
  }

  bool at_break() {
    if (rest_.empty() || static_cast<unsigned char>(rest_[0]) != break_byte) return false;
    rest_.remove_prefix(1);
    return true;
  }

  Result<json::value> item(int depth) {
    if (depth > nesting_max) return broken("it nests too deeply");
    KIBAN_TRY(const Head head_of_item, head());
    const std::uint64_t argument = head_of_item.argument;
    switch (head_of_item.major) {
      case Unsigned:
        if (argument > INT64_MAX) return json::value(static_cast<double>(argument));
        return json::value(static_cast<std::int64_t>(argument));
      case Negative:
        if (argument > INT64_MAX) return json::value(-1.0 - static_cast<double>(argument));
        return json::value(-1 - static_cast<std::int64_t>(argument));
      case Bytes:
      case Text: {
        KIBAN_TRY(const std::string text, string(head_of_item));
        return json::value(head_of_item.major == Bytes ? encode_base64(text) : text);
      }
      case Array:
        return array(head_of_item, depth);
      case Map:
        return map(head_of_item, depth);
      case Tag:
        return item(depth + 1);  // Tag 1, a time, is the number inside.
      case Simple:
        return simple(head_of_item);
    }
    return broken("an unknown type");
  }

  Result<std::string> string(const Head& start) {
    std::string out;
    const bool pieces = start.info == indefinite;
    Head piece = start;
    while (true) {
      if (pieces) {
        if (at_break()) return out;
        KIBAN_TRY(piece, head());
        if (piece.major != start.major || piece.info == indefinite) return broken("a bad piece");
      }
      if (piece.argument > rest_.size()) return broken("it ends early");
      // Each piece by itself: https://www.rfc-editor.org/rfc/rfc8949#section-3.2.3
      if (start.major == Text && !is_utf8(rest_.substr(0, piece.argument)))
        return broken("a text string is not valid UTF-8");
      out += rest_.substr(0, piece.argument);
      rest_.remove_prefix(piece.argument);
      if (!pieces) return out;
    }
  }

  Result<json::value> array(const Head& start, int depth) {
    json::array out;
    for (std::uint64_t i = 0; start.info == indefinite ? !at_break() : i < start.argument; ++i) {
      KIBAN_TRY(json::value value, item(depth + 1));
      out.push_back(std::move(value));
    }
    return json::value(std::move(out));
  }

  Result<json::value> map(const Head& start, int depth) {
    json::object out;
    for (std::uint64_t i = 0; start.info == indefinite ? !at_break() : i < start.argument; ++i) {
      KIBAN_TRY(const Head head_of_key, head());
      if (head_of_key.major != Text) return broken("a key is not a text string");
      KIBAN_TRY(const std::string key, string(head_of_key));
      KIBAN_TRY(json::value value, item(depth + 1));
      out.insert_or_assign(key, std::move(value));
    }
    return json::value(std::move(out));
  }

  static Result<json::value> simple(const Head& head) {
    switch (head.info) {
      case 20:
      case 21:
        return json::value(head.info == 21);
      case 22:
      case 23:
        return json::value(nullptr);
      case 25:
        return json::value(read_half(head.argument));
      case 26:
        return json::value(
            static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(head.argument))));
      case 27:
        return json::value(std::bit_cast<double>(head.argument));
      default:
        return broken("an unknown simple value");
    }
  }

  std::string_view rest_;
};

class CborWriter {
 public:
  explicit CborWriter(const Service& service) : service_(service) {}

  std::string take() { return std::move(out_); }

  void structure(const Shape& shape, const json::object& source) {
    out_ += static_cast<char>(Map << 5 | indefinite);
    for (const Member& member : service_.members_of(shape)) {
      const json::value* found = source.if_contains(member.name);
      if (!found || found->is_null()) continue;
      text(member.name);
      write(service_.shape(member), *found);
    }
    out_ += static_cast<char>(break_byte);
  }

  void text(std::string_view value) {
    head(Text, value.size());
    out_ += value;
  }

 private:
  void head(Major major, std::uint64_t argument) {
    const auto first = static_cast<unsigned>(major) << 5;
    if (argument < 24) {
      out_ += static_cast<char>(first | argument);
      return;
    }
    unsigned size_code = 0;
    while (size_code < 3 && argument >> (8U << size_code) != 0) ++size_code;
    out_ += static_cast<char>(first | (24 + size_code));
    big_endian(argument, 1U << size_code);
  }

  void big_endian(std::uint64_t value, unsigned bytes) {
    for (unsigned i = bytes; i > 0; --i) out_ += static_cast<char>(value >> (8 * (i - 1)) & 0xff);
  }

  void real(double value) {
    out_ += static_cast<char>(Simple << 5 | 27);
    big_endian(std::bit_cast<std::uint64_t>(value), 8);
  }

  void write(const Shape& shape, const json::value& value) {
    if (shape.kind == Kind::Structure && value.is_object()) {
      structure(shape, value.get_object());
    } else if (shape.kind == Kind::List && value.is_array()) {
      head(Array, value.get_array().size());
      for (const json::value& entry : value.get_array()) {
        write(service_.shape(service_.members_of(shape)[0]), entry);
      }
    } else if (shape.kind == Kind::Map && value.is_object()) {
      head(Map, value.get_object().size());
      for (const auto& [key, entry] : value.get_object()) {
        text(key);
        write(service_.shape(service_.members_of(shape)[1]), entry);
      }
    } else {
      scalar(shape, value);
    }
  }

  void scalar(const Shape& shape, const json::value& value) {
    const bool is_real = shape.kind == Kind::Double || shape.kind == Kind::Float;
    if (shape.kind == Kind::Timestamp && value.is_number()) {
      head(Tag, 1);
      real(number_of(value));
    } else if (shape.kind == Kind::Blob && value.is_string()) {
      const std::string bytes = decode_base64(value.get_string()).value_or("");
      head(Bytes, bytes.size());
      out_ += bytes;
    } else if (value.is_string()) {
      text(value.get_string());
    } else if (value.is_bool()) {
      out_ += static_cast<char>(Simple << 5 | (value.get_bool() ? 21 : 20));
    } else if (is_real || value.is_double()) {
      real(number_of(value));
    } else if (value.is_int64() && value.get_int64() < 0) {
      head(Negative, static_cast<std::uint64_t>(-1 - value.get_int64()));
    } else if (value.is_number()) {
      head(Unsigned,
           value.is_uint64() ? value.get_uint64() : static_cast<std::uint64_t>(value.get_int64()));
    } else {
      out_ += static_cast<char>(Simple << 5 | 22);
    }
  }

  const Service& service_;
  std::string out_;
};

}  // namespace

Result<json::object> decode_cbor(const Service& service, const Shape& shape,
                                 std::string_view body) {
  if (body.empty()) return json::object{};
  KIBAN_TRY(const json::value tree, CborReader(body).document());
  if (!tree.is_object()) return broken("it is not a map");
  return read_json_tree(service, shape, tree.get_object());
}

std::string encode_cbor(const Service& service, const Shape& shape, const json::object& output) {
  CborWriter writer(service);
  writer.structure(shape, output);
  return writer.take();
}

std::string encode_cbor_error(std::string_view type, std::string_view message) {
  // A map of two texts, by hand: there may be no service to walk.
  static constexpr Service nobody{};
  CborWriter writer(nobody);
  writer.text("__type");
  writer.text(type);
  writer.text("message");
  writer.text(message);
  return std::string(1, static_cast<char>(Map << 5 | 2)) + writer.take();
}

}  // namespace kiban::api
