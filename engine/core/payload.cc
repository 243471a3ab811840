#include "core/payload.h"

#include <optional>
#include <stdexcept>

#include "core/exact_json.h"

namespace kiban {
namespace {
std::uint64_t parse_count = 0;
std::uint64_t print_count = 0;
}  // namespace

struct Payload::Document {
  std::optional<std::string> text{};
  std::optional<json::value> tree{};
};

Payload::Payload() {
  static const Payload empty = from_text("{}");
  document_ = empty.document_;
}

Payload Payload::from_text(std::string text) {
  return Payload(std::make_shared<Document>(Document{.text = std::move(text)}));
}

Result<Payload> Payload::parse(std::string text) {
  ++parse_count;
  KIBAN_TRY(json::value tree, parse_json_exactly(text));
  return Payload(
      std::make_shared<Document>(Document{.text = std::move(text), .tree = std::move(tree)}));
}

Payload Payload::from_tree(json::value tree) {
  return Payload(std::make_shared<Document>(Document{.tree = std::move(tree)}));
}

const std::string& Payload::text() const {
  if (!document_->text) {
    ++print_count;
    document_->text = print_json(*document_->tree);
  }
  return *document_->text;
}

const json::value& Payload::tree() const {
  if (!document_->tree) {
    ++parse_count;
    auto tree = parse_json_exactly(*document_->text);
    if (!tree) throw std::runtime_error("a stored text is not JSON: " + tree.error().cause);
    document_->tree = *std::move(tree);
  }
  return *document_->tree;
}

std::uint64_t Payload::parses() { return parse_count; }
std::uint64_t Payload::prints() { return print_count; }

}  // namespace kiban
