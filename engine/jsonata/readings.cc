#include "jsonata/readings.h"

#include <algorithm>

#include "jsonata/ast.h"

namespace kiban::jsonata {
namespace {

enum class Reads : std::uint8_t { Input, Step };  // What a bare name means: the input, or a step's.

struct Reader {
  Readings out{};
  std::vector<std::string_view> bound{};

  static void note(std::vector<std::string>& names, std::string_view name) {
    if (std::ranges::find(names, name) == names.end()) names.emplace_back(name);
  }

  void all(const std::vector<Node*>& nodes, Reads reads) {
    for (const Node* node : nodes) walk(node, reads);
  }

  void stages(const std::vector<Stage>& stages) {
    for (const Stage& stage : stages) {
      walk(stage.filter, Reads::Step);
      if (!stage.index.empty()) bound.push_back(stage.index);
    }
  }

  void pairs(const Grouping& grouping, Reads reads) {
    for (const auto& [key, value] : grouping.pairs) {
      walk(key, reads);
      walk(value, reads);
    }
  }

  void path(const Node* node, Reads reads) {
    const std::size_t outer = bound.size();
    for (const Node* step : node->items) {
      walk(step, reads);
      if (!step->focus.empty()) bound.push_back(step->focus);
      if (!step->index.empty()) bound.push_back(step->index);
      reads = Reads::Step;
    }
    if (node->group) pairs(*node->group, Reads::Step);
    bound.resize(outer);
  }

  void variable(std::string_view name, const Builtin* builtin) {
    const bool own = name.empty() || name == "$" || builtin != nullptr;
    if (!own && std::ranges::find(bound, name) == bound.end()) note(out.variables, name);
  }

  void walk(const Node* node, Reads reads) {
    if (node == nullptr) return;
    switch (node->type) {
      case NodeType::Path:
        path(node, reads);
        break;
      case NodeType::Name:
        if (reads == Reads::Input) note(out.fields, node->text);
        break;
      case NodeType::Variable:
        variable(node->text, node->builtin);
        break;
      case NodeType::Bind:
        walk(node->right, reads);
        bound.push_back(node->left->text);
        break;
      case NodeType::Block: {
        const std::size_t outer = bound.size();
        all(node->items, reads);
        bound.resize(outer);
        break;
      }
      case NodeType::Lambda: {
        const std::size_t outer = bound.size();
        for (const Node* parameter : node->items) bound.push_back(parameter->text);
        walk(node->right, reads);
        bound.resize(outer);
        break;
      }
      case NodeType::Transform:
        walk(node->left, Reads::Step);
        walk(node->right, Reads::Step);
        walk(node->third, Reads::Step);
        break;
      case NodeType::Object:
        pairs(*node->group, reads);
        break;
      case NodeType::Sort:
        for (const SortTerm& term : node->terms) walk(term.expression, Reads::Step);
        break;
      default:
        walk(node->left, reads);
        all(node->items, reads);
        walk(node->right, reads);
        walk(node->third, reads);
    }
    stages(node->stages);
    stages(node->predicates);
    if (node->group && node->type != NodeType::Object && node->type != NodeType::Path)
      pairs(*node->group, Reads::Step);
  }
};

}  // namespace

Readings readings(const Expression& expression) {
  Reader reader;
  reader.walk(expression.root, Reads::Input);
  return std::move(reader.out);
}

}  // namespace kiban::jsonata
