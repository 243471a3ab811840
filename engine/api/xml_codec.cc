// XML bodies: replies of query and ec2, both ways of rest-xml.
// https://smithy.io/2.0/aws/protocols/aws-restxml-protocol.html
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <pugixml.hpp>

#include "api/protocols.h"
#include "api/values.h"
#include "core/utf8.h"

namespace kiban::api {
namespace {

class XmlWriter {
 public:
  XmlWriter(const Service& service, XmlNames names) : service_(service), names_(names) {}

  std::string take() { return std::move(out_); }

  void structure(const Shape& shape, const json::object& source) {
    for (const Member& member : service_.members_of(shape)) {
      if (member.location != Location::Body || member.xml_attribute) continue;
      const json::value* found = source.if_contains(member.name);
      if (found && !found->is_null()) write(member, *found, name_of(member));
    }
  }

  // XML 1.0 has no control characters, not even as references, and readers refuse the whole reply.
  // S3 writes them all the same, and documents encoding-type for keys that hold them.
  std::string readable(std::string text) const {
    const auto refused = [](char c) {
      return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' && c != '\r';
    };
    if (service_.protocol != Protocol::RestXml) std::ranges::replace_if(text, refused, '?');
    return text;
  }

  void write(const Member& member, const json::value& value, std::string_view name) {
    const Shape& shape = service_.shape(member);
    if (shape.kind == Kind::List && value.is_array()) {
      list(member, shape, value.get_array(), name);
    } else if (shape.kind == Kind::Map && value.is_object()) {
      map(member, shape, value.get_object(), name);
    } else if (shape.kind == Kind::Structure && value.is_object()) {
      open(name, attributes(member, shape, value.get_object()));
      structure(shape, value.get_object());
      close(name);
    } else {
      open(name, {});
      out_ += escape_xml(readable(print_scalar(service_, member, value, TimestampFormat::Iso8601)));
      close(name);
    }
  }

  std::string_view name_of(const Member& member) const {
    return names_ == XmlNames::Query ? member.query_name : member.wire_name;
  }

 private:
  void open(std::string_view name, const std::string& attributes) {
    out_ += '<';
    out_ += name;
    out_ += attributes;
    out_ += '>';
  }
  void close(std::string_view name) {
    out_ += "</";
    out_ += name;
    out_ += '>';
  }

  // S3 alone has attributes: <Grantee xsi:type="CanonicalUser">.
  std::string attributes(const Member& member, const Shape& shape,
                         const json::object& source) const {
    std::string text;
    for (const Member& inner : service_.members_of(shape)) {
      const json::string* value = inner.xml_attribute ? find_string(source, inner.name) : nullptr;
      if (!value) continue;
      if (!member.xml_namespace.empty() && inner.wire_name.starts_with("xsi:")) {
        text += fmt::format(" xmlns:xsi=\"{}\"", member.xml_namespace);
      }
      text += fmt::format(" {}=\"{}\"", inner.wire_name, escape_xml(*value));
    }
    return text;
  }

  void list(const Member& member, const Shape& shape, const json::array& entries,
            std::string_view name) {
    const Member& element = service_.members_of(shape)[0];
    if (member.flattened) {
      for (const json::value& entry : entries) write(element, entry, name);
      return;
    }
    open(name, {});
    const std::string_view entry_name = element.has_wire_name ? element.wire_name : "member";
    for (const json::value& entry : entries) write(element, entry, entry_name);
    close(name);
  }

  void map(const Member& member, const Shape& shape, const json::object& entries,
           std::string_view name) {
    const Member& key = service_.members_of(shape)[0];
    const Member& element = service_.members_of(shape)[1];
    if (!member.flattened) open(name, {});
    const std::string_view entry_name = member.flattened ? name : "entry";
    for (const auto& [entry_key, entry] : entries) {
      open(entry_name, {});
      open(name_of(key), {});
      out_ += escape_xml(entry_key);
      close(name_of(key));
      write(element, entry, name_of(element));
      close(entry_name);
    }
    if (!member.flattened) close(name);
  }

  const Service& service_;
  XmlNames names_;
  std::string out_;
};

// "s3:Key" and "Key" are the same to us: no service has two namespaces in one body.
std::string_view local_name(const char* name) {
  const char* colon = std::strchr(name, ':');
  return colon ? colon + 1 : name;
}

class XmlReader {
 public:
  explicit XmlReader(const Service& service) : service_(service) {}

  Result<json::object> structure(const Shape& shape, const pugi::xml_node& node, int depth) {
    if (depth > nesting_max) return fail("MalformedXML", "The document nests too deeply");
    json::object out;
    for (const Member& member : service_.members_of(shape)) {
      if (member.location != Location::Body) continue;
      if (member.xml_attribute) {
        const auto attribute = node.attribute(std::string(member.wire_name).c_str());
        if (attribute) out.emplace(member.name, attribute.value());
        continue;
      }
      const auto found = child(node, name_of(member));
      if (!found) continue;
      KIBAN_TRY(json::value value,
                member.flattened ? flattened(member, node, depth) : read(member, found, depth));
      out.emplace(member.name, std::move(value));
    }
    return out;
  }

 private:
  static std::string_view name_of(const Member& member) { return member.wire_name; }

  static pugi::xml_node child(const pugi::xml_node& node, std::string_view name) {
    for (const auto& entry : node.children()) {
      if (local_name(entry.name()) == name) return entry;
    }
    return {};
  }

  Result<json::value> read(const Member& member, const pugi::xml_node& node, int depth) {
    const Shape& shape = service_.shape(member);
    if (shape.kind == Kind::Structure) {
      KIBAN_TRY(json::object object, structure(shape, node, depth + 1));
      return json::value(std::move(object));
    }
    if (shape.kind == Kind::List) {
      const Member& element = service_.members_of(shape)[0];
      return list(element, node, element.has_wire_name ? element.wire_name : "member", depth);
    }
    if (shape.kind == Kind::Map) return map(shape, node, "entry", depth);
    auto value = read_scalar(service_, member, node.text().get(), TimestampFormat::Iso8601);
    if (!value) {
      return fail("MalformedXML", fmt::format("{}: {}", member.name, value.error().cause));
    }
    return value;
  }

  Result<json::value> flattened(const Member& member, const pugi::xml_node& parent, int depth) {
    const Shape& shape = service_.shape(member);
    if (shape.kind == Kind::Map) return map(shape, parent, name_of(member), depth);
    return list(service_.members_of(shape)[0], parent, name_of(member), depth);
  }

  Result<json::value> list(const Member& element, const pugi::xml_node& parent,
                           std::string_view name, int depth) {
    if (depth > nesting_max) return fail("MalformedXML", "The document nests too deeply");
    json::array out;
    for (const auto& entry : parent.children()) {
      if (local_name(entry.name()) != name) continue;
      KIBAN_TRY(json::value value, read(element, entry, depth + 1));
      out.push_back(std::move(value));
    }
    return json::value(std::move(out));
  }

  Result<json::value> map(const Shape& shape, const pugi::xml_node& parent, std::string_view name,
                          int depth) {
    const Member& key = service_.members_of(shape)[0];
    const Member& element = service_.members_of(shape)[1];
    json::object out;
    for (const auto& entry : parent.children()) {
      if (local_name(entry.name()) != name) continue;
      KIBAN_TRY(json::value value, read(element, child(entry, name_of(element)), depth + 1));
      out.insert_or_assign(child(entry, name_of(key)).text().get(), std::move(value));
    }
    return json::value(std::move(out));
  }

  const Service& service_;
};

// Behind the next `end`, or the end of the text.
std::size_t behind(std::string_view text, std::size_t from, std::string_view end) {
  const std::size_t at = text.find(end, from);
  return at == std::string_view::npos ? text.size() : at + end.size();
}

// "&#55296;" or "&#xD800;" at `at`: not a character that XML allows. The parser checks other
// references.
bool is_bad_reference(std::string_view text, std::size_t at) {
  std::string_view digits = text.substr(at);
  if (!digits.starts_with("&#")) return false;
  digits.remove_prefix(2);
  const bool hex = digits.starts_with('x');
  if (hex) digits.remove_prefix(1);
  std::uint32_t code_point = 0;
  const auto [stop, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), code_point, hex ? 16 : 10);
  return error != std::errc{} || stop == digits.data() + digits.size() || *stop != ';' ||
         !is_xml_character(code_point);
}

// What pugixml takes and XML 1.0 or AWS's parsers do not: bytes that are not UTF-8, characters
// outside of https://www.w3.org/TR/xml/#charsets, references to such, and document types.
std::optional<std::string_view> complaint_about(std::string_view body) {
  if (!is_utf8(body)) return "it is not valid UTF-8";
  constexpr std::string_view noncharacters[] = {"\xef\xbf\xbe", "\xef\xbf\xbf"};
  for (const std::string_view bad : noncharacters)
    if (body.contains(bad)) return "a character that XML does not allow";
  std::size_t literal_until = 0;  // The end of a CDATA section or comment: no references in it.
  for (std::size_t at = 0; at < body.size(); ++at) {
    const char c = body[at];
    const std::string_view rest = body.substr(at);
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r')
      return "a character that XML does not allow";
    if (c == '<' && at >= literal_until && rest.starts_with("<!DOCTYPE"))
      return "a document type is not allowed";
    if (c == '<' && at >= literal_until && rest.starts_with("<![CDATA["))
      literal_until = behind(body, at, "]]>");
    if (c == '<' && at >= literal_until && rest.starts_with("<!--"))
      literal_until = behind(body, at + 4, "-->");
    if (c == '&' && at >= literal_until && is_bad_reference(body, at))
      return "a reference to a character that XML does not allow";
  }
  return std::nullopt;
}

std::unexpected<Error> malformed(std::string_view why) {
  return fail("MalformedXML",
              fmt::format("The XML you provided was not well-formed or did not validate against "
                          "our published schema ({})",
                          why));
}

}  // namespace

std::string encode_xml(const Service& service, const Shape& shape, const json::object& output,
                       XmlNames names) {
  XmlWriter writer(service, names);
  writer.structure(shape, output);
  return writer.take();
}

Result<json::object> decode_xml(const Service& service, const Shape& shape, std::string_view body) {
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return json::object{};
  if (const auto complaint = complaint_about(body)) return malformed(*complaint);
  pugi::xml_document document;
  const auto parsed =
      document.load_buffer(body.data(), body.size(),
                           pugi::parse_default | pugi::parse_ws_pcdata_single, pugi::encoding_utf8);
  if (!parsed) return malformed(fmt::format("{} at byte {}", parsed.description(), parsed.offset));
  return XmlReader(service).structure(shape, document.document_element(), 0);
}

}  // namespace kiban::api
