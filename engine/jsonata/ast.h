// The tree that the parser makes and the evaluator walks. Nodes live as long as their Expression.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "jsonata/jsonata.h"
#include "jsonata/regex.h"
#include "jsonata/signature.h"

namespace kiban::jsonata {

struct Builtin;

enum class NodeType : std::uint8_t {
  End,
  Name,
  String,
  Number,
  Literal,  // true, false, null
  Variable,
  Wildcard,
  Descendant,
  Parent,
  Path,
  Binary,
  Negate,
  Array,
  Object,
  Function,
  Partial,
  Lambda,
  Condition,
  Transform,
  Block,
  Bind,
  Apply,
  Sort,
  Regex,
  Operator,  // A bare and, or, in (a name after all), or the ? of a partial application.
  // Only between parser and post-processing:
  Filter,
  Group,
  Focus,
  Index,
};

enum class Op : std::uint8_t {
  None,
  Dot,
  Add,
  Subtract,
  Multiply,
  Divide,
  Modulo,
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  Concat,
  And,
  Or,
  In,
  Range,
};

struct Node;

// What `%` refers to: tuples carry the parent under this label.
struct Slot {
  std::string_view label{};
  int level{1};
  std::size_t index{0};
};

struct Stage {  // A predicate, or an index binding that follows one.
  Node* filter{nullptr};
  std::string_view index{};
  std::size_t position{0};
};

struct SortTerm {
  bool descending{false};
  Node* expression{nullptr};
};

struct Grouping {
  std::vector<std::pair<Node*, Node*>> pairs{};
  bool literal{false};  // All keys are texts, each another.
  std::size_t position{0};
};

struct Node {
  NodeType type{NodeType::End};
  Op op{Op::None};
  bool keep_array{false};
  bool keep_singleton{false};
  bool cons_array{false};
  bool tuple{false};
  bool thunk{false};
  bool boolean{false};
  bool is_null{false};
  bool simple{false};  // A step that is a name and nothing else.
  bool names{false};   // A path of such steps and nothing else.
  bool plain{false};   // No predicate, group or array mark: the result needs no further processing.
  Node* processed{nullptr};  // Set once it was, since `??` and `?:` use one node twice.
  std::size_t position{0};
  double number{0};
  std::string_view text{};  // Name, string, token.
  Node* left{nullptr};
  Node* right{nullptr};
  Node* third{nullptr};
  std::vector<Node*> items{};  // Steps, arguments, elements, statements.
  std::vector<Stage> stages{};
  std::vector<Stage> predicates{};
  std::vector<SortTerm> terms{};
  std::unique_ptr<Grouping> group{};
  std::string_view focus{};
  std::string_view index{};
  Slot* ancestor{nullptr};
  Slot* slot{nullptr};
  std::vector<Slot*> seeking{};
  const Builtin* builtin{nullptr};  // Of a variable that names one.
  std::unique_ptr<Signature> signature{};
  std::unique_ptr<Regex> regex{};
};

class Expression {
 public:
  const Node* root{nullptr};
  std::deque<Node> nodes{};
  std::deque<std::string> texts{};
  std::deque<Slot> slots{};
};

}  // namespace kiban::jsonata
