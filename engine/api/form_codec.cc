// Requests of the query and ec2 protocols: a tree flattened into names with dots.
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
#include <fmt/format.h>

#include <charconv>
#include <map>

#include "api/protocols.h"
#include "api/values.h"
#include "core/utf8.h"

namespace kiban::api {
namespace {

struct Node {
  std::map<std::string, Node, std::less<>> children{};
  const std::string* value{nullptr};
};

const Node* child(const Node& node, std::string_view name) {
  const auto found = node.children.find(name);
  return found != node.children.end() ? &found->second : nullptr;
}

Result<Node> build(const Parameters& parameters) {
  Node root;
  for (const auto& [name, value] : parameters) {
    Node* node = &root;
    std::string_view rest = name;
    for (int depth = 0;; ++depth) {
      if (depth == nesting_max) return fail("MalformedQueryString", "A parameter nests too deeply");
      const std::size_t dot = rest.find('.');
      node = &node->children[std::string(rest.substr(0, dot))];
      if (dot == std::string_view::npos) break;
      rest.remove_prefix(dot + 1);
    }
    node->value = &value;
  }
  return root;
}

// Children 1, 2, 3, … in that order; gaps are closed up, as AWS does.
std::map<std::uint64_t, const Node*> numbered(const Node& node) {
  std::map<std::uint64_t, const Node*> out;
  for (const auto& [name, entry] : node.children) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc{} && end == name.data() + name.size()) out.emplace(number, &entry);
  }
  return out;
}

class FormReader {
 public:
  FormReader(const Service& service, bool ec2) : service_(service), ec2_(ec2) {}

  Result<json::object> structure(const Shape& shape, const Node& node, int depth) {
    if (depth > nesting_max) return fail("MalformedQueryString", "A parameter nests too deeply");
    json::object out;
    for (const Member& member : service_.members_of(shape)) {
      const Node* found = child(node, member.query_name);
      if (!found) continue;
      KIBAN_TRY(json::value value, read(member, *found, depth + 1));
      if (!value.is_null()) out.emplace(member.name, std::move(value));
    }
    return out;
  }

 private:
  Result<json::value> read(const Member& member, const Node& node, int depth) {
    const Shape& shape = service_.shape(member);
    if (shape.kind == Kind::Structure) {
      KIBAN_TRY(json::object object, structure(shape, node, depth));
      return json::value(std::move(object));
    }
    if (shape.kind == Kind::List) return list(member, shape, node, depth);
    if (shape.kind == Kind::Map) return map(member, shape, node, depth);
    if (!node.value) return json::value(nullptr);
    auto value = read_scalar(service_, member, *node.value, TimestampFormat::Iso8601);
    // Query services say MalformedInput; https://docs.aws.amazon.com/IAM/latest/APIReference
    // knows no better name for it.
    if (!value) return fail("MalformedInput", std::move(value).error().cause);
    return value;
  }

  // Names of list elements: X.member.1 (or another name than member), X.1 when flattened and in
  // ec2.
  const Node* entries(const Member& member, std::string_view element_name, const Node& node) const {
    if (ec2_ || member.flattened) return &node;
    if (const Node* found = child(node, element_name)) return found;
    // Older clients of services that changed to json name elements otherwise than today's model.
    return child(node, "member");
  }

  Result<json::value> list(const Member& member, const Shape& shape, const Node& node, int depth) {
    const Member& element = service_.members_of(shape)[0];
    json::array out;
    const Node* under = entries(member, element.has_wire_name ? element.wire_name : "member", node);
    if (!under) return json::value(std::move(out));
    for (const auto& [number, entry] : numbered(*under)) {
      KIBAN_TRY(json::value value, read(element, *entry, depth + 1));
      if (!value.is_null()) out.push_back(std::move(value));
    }
    return json::value(std::move(out));
  }

  Result<json::value> map(const Member& member, const Shape& shape, const Node& node, int depth) {
    const Member& key = service_.members_of(shape)[0];
    const Member& element = service_.members_of(shape)[1];
    json::object out;
    const Node* under = member.flattened ? &node : child(node, "entry");
    if (!under) return json::value(std::move(out));
    for (const auto& [number, entry] : numbered(*under)) {
      const Node* name = child(*entry, key.query_name);
      const Node* content = child(*entry, element.query_name);
      if (!name || !name->value || !content) {
        return fail("MalformedInput", fmt::format("Entry {} of {} must have {} and {}", number,
                                                  member.name, key.query_name, element.query_name));
      }
      KIBAN_TRY(json::value value, read(element, *content, depth + 1));
      if (!value.is_null()) out.insert_or_assign(*name->value, std::move(value));
    }
    return json::value(std::move(out));
  }

  const Service& service_;
  bool ec2_;
};

}  // namespace

Result<Parameters> read_parameters(std::string_view text, Plus plus) {
  Parameters out;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    if (out.size() == parameters_max) {
      return fail("MalformedQueryString", fmt::format("More than {} parameters", parameters_max));
    }
    const std::size_t equals = pair.find('=');
    const bool bare = equals == std::string_view::npos;
    auto name = decode_uri(pair.substr(0, equals), plus);
    auto value = decode_uri(bare ? std::string_view{} : pair.substr(equals + 1), plus);
    if (!name) return fail("MalformedQueryString", std::move(name).error().cause);
    if (!value) return fail("MalformedQueryString", std::move(value).error().cause);
    if (!is_utf8(*name) || !is_utf8(*value))
      return fail("MalformedQueryString", "The query string is not valid UTF-8");
    out.emplace_back(*std::move(name), *std::move(value));
  }
  return out;
}

const std::string* find_parameter(const Parameters& parameters, std::string_view name) {
  for (const auto& [key, value] : parameters) {
    if (key == name) return &value;
  }
  return nullptr;
}

Result<json::object> decode_form(const Service& service, const Shape& shape,
                                 const Parameters& parameters, bool ec2) {
  KIBAN_TRY(const Node root, build(parameters));
  return FormReader(service, ec2).structure(shape, root, 0);
}

}  // namespace kiban::api
