#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "jsonata/messages.h"
#include "jsonata/parser.h"

namespace kiban::jsonata {

const Builtin* find_builtin(std::string_view name);

namespace {

constexpr int chain_max = 1'500;  // Our own bound on the depth of the tree: 1+1+1+...

class Process {
 public:
  explicit Process(Expression& expression) : expression_(expression) {}

  Node* walk(Node* node) {
    if (node == nullptr || error_) return node;
    if (node->processed != nullptr) return node->processed;
    if (++depth_ > chain_max) {
      error_ = make_error("U1001", node->position, {}, {}, "length of a chain of operators");
      return node;
    }
    Node* result = dispatch(node);
    --depth_;
    if (error_) return node;
    if (node->keep_array) result->keep_array = true;
    node->processed = result;
    result->processed = result;
    return result;
  }

  std::optional<Error> error_{};

  static bool seeks(const Node* node) {
    return node->type == NodeType::Parent || !node->seeking.empty();
  }

 private:
  Node* refuse(std::string_view code, std::size_t position, std::string_view token = {}) {
    if (!error_) error_ = make_error(code, position, std::string(token));
    return nullptr;
  }

  Node* make(NodeType type, std::size_t position) {
    Node& node = expression_.nodes.emplace_back();
    node.type = type;
    node.position = position;
    return &node;
  }

  Node* dispatch(Node* node) {
    switch (node->type) {
      case NodeType::End:
        refuse("S0207", node->position, node->text);
        return node;
      case NodeType::Name:
        return path_of(node);
      case NodeType::Operator:
        if (node->text == "?") return node;
        node->type = NodeType::Name;
        return path_of(node);
      case NodeType::Parent:
        node->slot = &expression_.slots.emplace_back();
        node->slot->index = expression_.slots.size() - 1;
        node->slot->label = expression_.texts.emplace_back(fmt::format("!{}", node->slot->index));
        return node;
      case NodeType::Variable:
        node->builtin = find_builtin(node->text);
        return node;
      case NodeType::Binary:
        return node->op == Op::Dot ? dot(node) : operands(node);
      case NodeType::Negate:
        return negate(node);
      case NodeType::Filter:
        return filter(node);
      case NodeType::Group:
        return group(node);
      case NodeType::Sort:
        return sort(node);
      case NodeType::Focus:
        return focus(node);
      case NodeType::Index:
        return index(node);
      case NodeType::Bind:
        node->right = child(node, node->right);
        return node;
      case NodeType::Lambda:
        node->right = tail_calls(walk(node->right));
        return node;
      case NodeType::Transform:
        node->left = walk(node->left);
        node->right = walk(node->right);
        node->third = walk(node->third);
        return node;
      case NodeType::Apply:
        node->left = walk(node->left);
        node->right = walk(node->right);
        if (!error_) node->keep_array = node->left->keep_array || node->right->keep_array;
        return node;
      case NodeType::Block:
        return block(node);
      default:
        return with_children(node);
    }
  }

  // Processes the parts of a node whose type needs no other work.
  Node* with_children(Node* node) {
    switch (node->type) {
      case NodeType::Object:
        for (auto& [key, value] : node->group->pairs) {
          key = child(node, key);
          value = child(node, value);
        }
        return node;
      case NodeType::Array:
        for (Node*& item : node->items) item = child(node, item);
        return node;
      case NodeType::Function:
      case NodeType::Partial:
        for (Node*& item : node->items) item = child(node, item);
        node->left = walk(node->left);
        return node;
      case NodeType::Condition:
        node->left = child(node, node->left);
        node->right = child(node, node->right);
        if (node->third != nullptr) node->third = child(node, node->third);
        return node;
      default:
        return node;
    }
  }

  // Processes a part and notes which ancestors it still looks for.
  Node* child(Node* parent, Node* part) {
    Node* result = walk(part);
    if (!error_) inherit(parent, result);
    return result;
  }

  static void inherit(Node* parent, Node* part) {
    if (!seeks(part)) return;
    parent->seeking.insert(parent->seeking.end(), part->seeking.begin(), part->seeking.end());
    if (part->type == NodeType::Parent) parent->seeking.push_back(part->slot);
  }

  Node* operands(Node* node) {
    node->left = child(node, node->left);
    if (!error_) node->right = child(node, node->right);
    return node;
  }

  Node* path_of(Node* node) {
    Node* path = make(NodeType::Path, node->position);
    path->items.push_back(node);
    path->keep_singleton = node->keep_array;
    return path;
  }

  Node* negate(Node* node) {
    Node* operand = walk(node->left);
    if (error_) return node;
    if (operand->type == NodeType::Number && operand->predicates.empty()) {
      operand->number = -operand->number;
      return operand;
    }
    node->left = operand;
    inherit(node, operand);
    return node;
  }

  Node* block(Node* node) {
    for (Node*& item : node->items) {
      item = child(node, item);
      if (error_) return node;
      if (item->cons_array || (item->type == NodeType::Path && item->items[0]->cons_array)) {
        node->cons_array = true;
      }
    }
    return node;
  }

  Node* dot(Node* node) {
    Node* path = walk(node->left);
    if (error_) return node;
    if (path->type != NodeType::Path) {
      Node* first = path;
      path = make(NodeType::Path, node->position);
      path->items.push_back(first);
      if (first->type == NodeType::Parent) path->seeking.push_back(first->slot);
    }
    Node* rest = walk(node->right);
    if (error_) return node;
    if (rest->type == NodeType::Path) {
      path->items.insert(path->items.end(), rest->items.begin(), rest->items.end());
      if (rest->group) path->group = std::move(rest->group);
    } else {
      rest->stages.insert(rest->stages.end(), rest->predicates.begin(), rest->predicates.end());
      rest->predicates.clear();
      path->items.push_back(rest);
    }
    for (Node* step : path->items) {
      if (step->type == NodeType::Number || step->type == NodeType::Literal) {
        refuse("S0213", step->position, step->text);
        return node;
      }
      if (step->type == NodeType::String) step->type = NodeType::Name;
      if (step->keep_array) path->keep_singleton = true;
    }
    for (Node* end : {path->items.front(), path->items.back()}) {
      if (end->type == NodeType::Array) end->cons_array = true;
    }
    resolve(path);
    return path;
  }

  Node* filter(Node* node) {
    Node* result = walk(node->left);
    if (error_) return node;
    const bool path = result->type == NodeType::Path;
    Node* step = path ? result->items.back() : result;
    if (step->group && step->type != NodeType::Object) {
      refuse("S0209", node->position);
      return node;
    }
    if (path && result->group) {
      refuse("S0209", node->position);
      return node;
    }
    Node* predicate = walk(node->right);
    if (error_) return node;
    if (!predicate->seeking.empty() || predicate->type == NodeType::Parent) {
      std::vector<Slot*> slots = predicate->seeking;
      for (Slot* slot : slots) {
        if (slot->level == 1) {
          seek(step, slot);
        } else {
          --slot->level;
        }
      }
      if (error_) return node;
      inherit(step, predicate);
    }
    auto& stages = path ? step->stages : step->predicates;
    stages.push_back({.filter = predicate, .position = node->position});
    return result;
  }

  Node* group(Node* node) {
    Node* result = walk(node->left);
    if (error_) return node;
    if (result->group && result->type != NodeType::Object) {
      refuse("S0210", node->position);
      return node;
    }
    auto grouping = std::make_unique<Grouping>();
    grouping->position = node->position;
    for (auto& [key, value] : node->group->pairs) {
      Node* key_done = walk(key);
      Node* value_done = walk(value);
      grouping->pairs.emplace_back(key_done, value_done);
    }
    if (result->type == NodeType::Object) {
      // An object constructor keeps its own pairs in `group`: give the grouping a node around it.
      Node* around = make(NodeType::Block, node->position);
      around->items.push_back(result);
      result = around;
    }
    result->group = std::move(grouping);
    return result;
  }

  Node* sort(Node* node) {
    Node* path = walk(node->left);
    if (error_) return node;
    if (path->type != NodeType::Path) {
      Node* first = path;
      path = make(NodeType::Path, node->position);
      path->items.push_back(first);
    }
    Node* step = make(NodeType::Sort, node->position);
    for (const SortTerm& term : node->terms) {
      Node* expression = child(step, term.expression);
      step->terms.push_back({.descending = term.descending, .expression = expression});
    }
    path->items.push_back(step);
    if (!error_) resolve(path);
    return path;
  }

  Node* focus(Node* node) {
    Node* result = walk(node->left);
    if (error_) return node;
    Node* step = result->type == NodeType::Path ? result->items.back() : result;
    if (!step->stages.empty() || !step->predicates.empty()) {
      refuse("S0215", node->position);
      return node;
    }
    if (step->type == NodeType::Sort) {
      refuse("S0216", node->position);
      return node;
    }
    if (node->keep_array) step->keep_array = true;
    step->focus = node->right->text;
    step->tuple = true;
    return result;
  }

  Node* index(Node* node) {
    Node* result = walk(node->left);
    if (error_) return node;
    Node* step = result;
    if (result->type == NodeType::Path) {
      step = result->items.back();
    } else {
      result = make(NodeType::Path, node->position);
      result->items.push_back(step);
      step->stages.insert(step->stages.end(), step->predicates.begin(), step->predicates.end());
      step->predicates.clear();
    }
    if (step->stages.empty()) {
      step->index = node->right->text;
    } else {
      step->stages.push_back({.index = node->right->text, .position = node->position});
    }
    step->tuple = true;
    return result;
  }

  Node* tail_calls(Node* body) {
    if (error_) return body;
    if (body->type == NodeType::Function && body->predicates.empty()) {
      Node* thunk = make(NodeType::Lambda, body->position);
      thunk->thunk = true;
      thunk->right = body;
      thunk->processed = thunk;
      return thunk;
    }
    if (body->type == NodeType::Condition) {
      body->right = tail_calls(body->right);
      if (body->third != nullptr) body->third = tail_calls(body->third);
    } else if (body->type == NodeType::Block && !body->items.empty()) {
      body->items.back() = tail_calls(body->items.back());
    }
    return body;
  }

  Slot* seek(Node* node, Slot* slot) {
    switch (node->type) {
      case NodeType::Name:
      case NodeType::Wildcard:
        if (--slot->level == 0) {
          if (node->ancestor == nullptr) {
            node->ancestor = slot;
          } else {
            // Two references to one step share its label.
            expression_.slots[slot->index].label = node->ancestor->label;
            node->ancestor = slot;
          }
          node->tuple = true;
        }
        return slot;
      case NodeType::Parent:
        ++slot->level;
        return slot;
      case NodeType::Block:
        if (!node->items.empty()) {
          node->tuple = true;
          return seek(node->items.back(), slot);
        }
        return slot;
      case NodeType::Path: {
        node->tuple = true;
        std::size_t at = node->items.size();
        do {
          slot = seek(node->items[--at], slot);
        } while (slot->level > 0 && at > 0 && !error_);
        return slot;
      }
      default:
        refuse("S0217", node->position, node->text);
        return slot;
    }
  }

  void resolve(Node* path) {
    Node* last = path->items.back();
    std::vector<Slot*> slots = last->seeking;
    if (last->type == NodeType::Parent) slots.push_back(last->slot);
    for (Slot* slot : slots) {
      std::ptrdiff_t at = static_cast<std::ptrdiff_t>(path->items.size()) - 2;
      while (slot->level > 0 && !error_) {
        if (at < 0) {
          path->seeking.push_back(slot);
          break;
        }
        Node* step = path->items[static_cast<std::size_t>(at--)];
        while (at >= 0 && !step->focus.empty() &&
               !path->items[static_cast<std::size_t>(at)]->focus.empty()) {
          step = path->items[static_cast<std::size_t>(at--)];
        }
        slot = seek(step, slot);
      }
    }
  }

  Expression& expression_;
  int depth_{0};
};

}  // namespace

OrError<Node*> process(Node* tree, Expression& expression) {
  Process pass(expression);
  Node* root = pass.walk(tree);
  if (pass.error_) return std::unexpected(*pass.error_);
  if (Process::seeks(root)) {
    return std::unexpected(make_error("S0217", root->position, std::string(root->text)));
  }
  for (Node& node : expression.nodes) {
    node.plain =
        node.predicates.empty() && !node.group && !node.keep_array && node.type != NodeType::Path;
    node.simple = node.type == NodeType::Name && node.plain && node.stages.empty() && !node.tuple;
    if (node.group) {
      std::set<std::string_view> keys;
      for (const auto& [key, value] : node.group->pairs) {
        if (key->type == NodeType::String && key->predicates.empty() && !key->group) {
          keys.insert(key->text);
        }
      }
      node.group->literal = keys.size() == node.group->pairs.size();
    }
    if (node.type == NodeType::Object) {
      node.plain = node.predicates.empty() && !node.keep_array;
    }
  }
  for (Node& node : expression.nodes) {
    node.names = node.type == NodeType::Path && node.predicates.empty() && !node.group &&
                 !node.keep_array && !node.keep_singleton && !node.tuple &&
                 std::ranges::all_of(node.items, [](const Node* step) { return step->simple; });
  }
  return root;
}

}  // namespace kiban::jsonata
