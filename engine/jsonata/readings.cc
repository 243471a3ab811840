#include "jsonata/readings.h"

#include <map>
#include <set>

#include "jsonata/ast.h"

namespace kiban::jsonata {
namespace {

enum class Reads : std::uint8_t {
  Input,
  Step
};  // The context of a bare name: the input, or a step.

// The names bound where the walk is. Nothing here is searched from end to end: an expression may be
// long.
class Bound {
 public:
  void push(std::string_view name) {
    stack_.push_back(name);
    ++counts_[name];
  }
  std::size_t size() const { return stack_.size(); }
  void shrink(std::size_t size) {
    for (; stack_.size() > size; stack_.pop_back()) {
      const auto found = counts_.find(stack_.back());
      if (--found->second == 0) counts_.erase(found);
    }
  }
  bool holds(std::string_view name) const { return counts_.contains(name); }

 private:
  std::vector<std::string_view> stack_{};
  std::map<std::string_view, std::size_t> counts_{};
};

struct Reader {
  Readings out{};
  Bound bound{};
  std::set<std::string_view> variables{};
  std::set<std::string_view> fields{};

  void all(const std::vector<Node*>& nodes, Reads reads) {
    for (const Node* node : nodes) walk(node, reads);
  }

  void stages(const std::vector<Stage>& stages) {
    for (const Stage& stage : stages) {
      walk(stage.filter, Reads::Step);
      if (!stage.index.empty()) bound.push(stage.index);
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
    const std::vector<Node*>& steps = node->items;
    if (steps.size() > 1 && steps[0]->type == NodeType::Variable && steps[0]->text == "states" &&
        steps[1]->type == NodeType::Name && steps[1]->text == "errorOutput")
      out.error_output = true;
    for (const Node* step : node->items) {
      walk(step, reads);
      if (!step->focus.empty()) bound.push(step->focus);
      if (!step->index.empty()) bound.push(step->index);
      reads = Reads::Step;
    }
    if (node->group) pairs(*node->group, Reads::Step);
    bound.shrink(outer);
  }

  void variable(std::string_view name, const Builtin* builtin) {
    out.document = out.document || name == "$";
    const bool own = name.empty() || name == "$" || builtin != nullptr;
    if (!own && !bound.holds(name) && variables.insert(name).second)
      out.variables.emplace_back(name);
  }

  void walk(const Node* node, Reads reads) {
    if (node == nullptr) return;
    switch (node->type) {
      case NodeType::Path:
        path(node, reads);
        break;
      case NodeType::Name:
        if (reads == Reads::Input && fields.insert(node->text).second)
          out.fields.emplace_back(node->text);
        break;
      case NodeType::Variable:
        variable(node->text, node->builtin);
        break;
      case NodeType::Bind:
        walk(node->right, reads);
        bound.push(node->left->text);
        break;
      case NodeType::Block: {
        const std::size_t outer = bound.size();
        all(node->items, reads);
        bound.shrink(outer);
        break;
      }
      case NodeType::Lambda: {
        const std::size_t outer = bound.size();
        for (const Node* parameter : node->items) bound.push(parameter->text);
        walk(node->right, reads);
        bound.shrink(outer);
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
