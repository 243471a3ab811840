// Tokens to tree: top-down operator precedence (Pratt), then the pass of process.cc.
#include "jsonata/parser.h"

#include <set>

#include "jsonata/lexer.h"
#include "jsonata/messages.h"

namespace kiban::jsonata {
namespace {

constexpr int nesting_max = 400;  // Our own bound on nested expressions.

int binding_power(const Token& token) {
  if (token.type != TokenType::Operator) return 0;
  const std::string_view op = token.text;
  if (op.size() == 1) {
    switch (op[0]) {
      case '.':
        return 75;
      case '[':
      case '(':
      case '@':
      case '#':
        return 80;
      case '{':
        return 70;
      case '*':
      case '/':
      case '%':
        return 60;
      case '+':
      case '-':
      case '&':
        return 50;
      case '=':
      case '<':
      case '>':
      case '^':
        return 40;
      case '?':
        return 20;
      default:
        return 0;
    }
  }
  if (op == ":=") return 10;
  if (op == "!=" || op == "<=" || op == ">=" || op == "~>" || op == "in" || op == "?:" ||
      op == "??") {
    return 40;
  }
  if (op == "and") return 30;
  if (op == "or") return 25;
  return 0;
}

Op binary_op(std::string_view op) {
  static constexpr std::pair<std::string_view, Op> table[] = {
      {".", Op::Dot},    {"+", Op::Add},        {"-", Op::Subtract}, {"*", Op::Multiply},
      {"/", Op::Divide}, {"%", Op::Modulo},     {"=", Op::Equal},    {"!=", Op::NotEqual},
      {"<", Op::Less},   {"<=", Op::LessEqual}, {">", Op::Greater},  {">=", Op::GreaterEqual},
      {"&", Op::Concat}, {"and", Op::And},      {"or", Op::Or},      {"in", Op::In},
      {"..", Op::Range}};
  for (const auto& [text, value] : table) {
    if (text == op) return value;
  }
  return Op::None;
}

class Parser {
 public:
  Parser(std::string_view text, Expression& expression)
      : expression_(expression), lexer_(text, expression.texts) {}

  Node* run() {
    advance({}, false);
    Node* root = expression(0);
    if (!error_ && token_.type != TokenType::End) {
      return refuse("S0201", token_.position, token_.text);
    }
    return error_ ? nullptr : root;
  }
  std::optional<Error> error_{};

 private:
  Node* refuse(std::string_view code, std::size_t position, std::string_view token,
               std::string_view extra = {}) {
    if (!error_) error_ = make_error(code, position, std::string(token), {}, extra);
    token_ = Token{};
    return nullptr;
  }

  Node* make(NodeType type, const Token& token) {
    Node& node = expression_.nodes.emplace_back();
    node.type = type;
    node.position = token.position;
    node.text = token.text;
    return &node;
  }

  void advance(std::string_view wanted, bool behind_operand) {
    if (error_) return;
    if (!wanted.empty() && !token_.is(wanted)) {
      refuse(token_.type == TokenType::End ? "S0203" : "S0202", token_.position, token_.text,
             wanted);
      return;
    }
    auto token = lexer_.next(behind_operand);
    if (token && (token->is("!") || token->is("~"))) {
      refuse("S0204", token->position, token->text);
    } else if (token) {
      token_ = *token;
    } else {
      error_ = token.error();
      token_ = Token{};
    }
  }

  Node* expression(int power) {
    if (++nesting_ > nesting_max) {
      return refuse("U1001", token_.position, token_.text, "nesting of the expression");
    }
    const Token token = token_;
    advance({}, true);
    Node* left = error_ ? nullptr : prefix(token);
    while (left != nullptr && !error_ && power < binding_power(token_)) {
      const Token op = token_;
      advance({}, false);
      if (!error_) left = infix(op, left);
    }
    --nesting_;
    return error_ ? nullptr : left;
  }

  Node* prefix(const Token& token) {
    switch (token.type) {
      case TokenType::End:
        return make(NodeType::End, token);
      case TokenType::Name:
        return make(NodeType::Name, token);
      case TokenType::Variable:
        return make(NodeType::Variable, token);
      case TokenType::String:
        return make(NodeType::String, token);
      case TokenType::Number: {
        Node* node = make(NodeType::Number, token);
        node->number = token.number;
        return node;
      }
      case TokenType::Literal: {
        Node* node = make(NodeType::Literal, token);
        node->is_null = token.text == "null";
        node->boolean = token.text == "true";
        return node;
      }
      case TokenType::Regex:
        return regex(token);
      case TokenType::Operator:
        return prefix_operator(token);
    }
    return nullptr;
  }

  Node* regex(const Token& token) {
    Node* node = make(NodeType::Regex, token);
    auto compiled = Regex::compile(token.text, token.flags);
    if (!compiled) return refuse("S0303", token.position, token.text, compiled.error());
    node->regex = std::move(*compiled);
    return node;
  }

  Node* prefix_operator(const Token& token) {
    const std::string_view op = token.text;
    if (op == "(") return block(token);
    if (op == "[") return array(token);
    if (op == "{") return object(token, nullptr);
    if (op == "|") return transform(token);
    if (op == "-") {
      Node* node = make(NodeType::Negate, token);
      node->left = expression(70);
      return node;
    }
    if (op == "*") return make(NodeType::Wildcard, token);
    if (op == "**") return make(NodeType::Descendant, token);
    if (op == "%") return make(NodeType::Parent, token);
    if (op == "and" || op == "or" || op == "in") {
      return make(NodeType::Operator, token);
    }
    if (op == "!" || op == "~") return refuse("S0204", token.position, op);
    return refuse("S0211", token.position, op);
  }

  Node* block(const Token& token) {
    Node* node = make(NodeType::Block, token);
    while (!error_ && !token_.is(")")) {
      node->items.push_back(expression(0));
      if (!token_.is(";")) break;
      advance(";", false);
    }
    advance(")", true);
    return node;
  }

  Node* array(const Token& token) {
    Node* node = make(NodeType::Array, token);
    while (!error_ && !token_.is("]")) {
      Node* item = expression(0);
      if (token_.is("..")) {
        Node* range = make(NodeType::Binary, token_);
        range->op = Op::Range;
        advance("..", false);
        range->left = item;
        range->right = expression(0);
        item = range;
      }
      node->items.push_back(item);
      if (!token_.is(",")) break;
      advance(",", false);
      if (token_.is("]")) return refuse("S0211", token_.position, token_.text);
    }
    advance("]", true);
    return node;
  }

  Node* object(const Token& token, Node* left) {
    Node* node = make(left == nullptr ? NodeType::Object : NodeType::Group, token);
    node->left = left;
    node->group = std::make_unique<Grouping>();
    node->group->position = token.position;
    while (!error_ && !token_.is("}")) {
      Node* key = expression(0);
      advance(":", false);
      Node* value = expression(0);
      node->group->pairs.emplace_back(key, value);
      if (!token_.is(",")) break;
      advance(",", false);
      if (token_.is("}")) return refuse("S0211", token_.position, token_.text);
    }
    advance("}", true);
    return node;
  }

  Node* transform(const Token& token) {
    Node* node = make(NodeType::Transform, token);
    node->left = expression(0);
    advance("|", false);
    node->right = expression(0);
    if (token_.is(",")) {
      advance(",", false);
      node->third = expression(0);
    }
    advance("|", false);  // As in the reference: a / behind it begins a regular expression.
    return node;
  }

  Node* infix(const Token& op, Node* left) {
    const std::string_view text = op.text;
    if (text == "(") return call(op, left);
    if (text == "[") return predicate(op, left);
    if (text == "{") return object(op, left);
    if (text == "^") return sort(op, left);
    if (text == "@" || text == "#") {
      Node* node = make(text == "@" ? NodeType::Focus : NodeType::Index, op);
      node->left = left;
      node->right = expression(80);
      if (node->right != nullptr && node->right->type != NodeType::Variable) {
        return refuse("S0214", node->right->position, text);
      }
      return node;
    }
    if (text == "?" || text == "?:" || text == "??") return condition(op, left);
    if (text == ":=") {
      if (left->type != NodeType::Variable) return refuse("S0212", left->position, left->text);
      Node* node = make(NodeType::Bind, op);
      node->left = left;
      node->right = expression(9);
      return node;
    }
    Node* node = make(text == "~>" ? NodeType::Apply : NodeType::Binary, op);
    node->op = binary_op(text);
    node->left = left;
    node->right = expression(binding_power(op));
    return node;
  }

  Node* predicate(const Token& op, Node* left) {
    if (token_.is("]")) {
      Node* step = left;
      while (step->type == NodeType::Filter) step = step->left;
      step->keep_array = true;
      advance("]", true);
      return left;
    }
    Node* node = make(NodeType::Filter, op);
    node->left = left;
    node->right = expression(0);
    advance("]", true);
    return node;
  }

  Node* sort(const Token& op, Node* left) {
    Node* node = make(NodeType::Sort, op);
    node->left = left;
    advance("(", false);
    while (!error_) {
      SortTerm term;
      term.descending = token_.is(">");
      if (token_.is("<") || token_.is(">")) advance({}, false);
      term.expression = expression(0);
      node->terms.push_back(term);
      if (!token_.is(",")) break;
      advance(",", false);
    }
    advance(")", false);
    return node;
  }

  Node* condition(const Token& op, Node* left) {
    Node* node = make(NodeType::Condition, op);
    node->left = left;
    if (op.text == "?") {
      node->right = expression(0);
      if (token_.is(":")) {
        advance(":", false);
        node->third = expression(0);
      }
      return node;
    }
    node->right = left;
    if (op.text == "??") {
      Node* exists = make(NodeType::Variable, op);
      exists->text = "exists";
      Node* call = make(NodeType::Function, op);
      call->left = exists;
      call->items.push_back(left);
      node->left = call;
    }
    node->third = expression(0);
    return node;
  }

  Node* call(const Token& op, Node* left) {
    Node* node = make(NodeType::Function, op);
    node->left = left;
    while (!error_ && !token_.is(")")) {
      if (token_.is("?")) {
        node->type = NodeType::Partial;
        node->items.push_back(make(NodeType::Operator, token_));
        advance("?", true);
      } else {
        node->items.push_back(expression(0));
      }
      if (!token_.is(",")) break;
      advance(",", false);
      if (token_.is(")")) return refuse("S0211", token_.position, token_.text);
    }
    advance(")", true);
    if (error_) return nullptr;
    const bool defines =
        left->type == NodeType::Name && (left->text == "function" || left->text == "λ");
    return defines ? lambda(node) : node;
  }

  Node* lambda(Node* node) {
    std::size_t index = 0;
    for (const Node* parameter : node->items) {
      ++index;
      if (parameter->type != NodeType::Variable) {
        return refuse("S0208", parameter->position, parameter->text, std::to_string(index));
      }
    }
    node->type = NodeType::Lambda;
    if (token_.is("<") && !signature(node)) return nullptr;
    advance("{", false);
    node->right = expression(0);
    advance("}", false);
    return node;
  }

  bool signature(Node* node) {
    const std::size_t start = token_.position;
    std::string text = "<";
    int depth = 1;
    while (!error_ && depth > 0 && !token_.is("{") && token_.type != TokenType::End) {
      advance({}, false);
      if (token_.is(">")) --depth;
      if (token_.is("<")) ++depth;
      text += token_.text;
    }
    advance(">", true);
    if (error_) return false;
    auto parsed = parse_signature(text);
    if (!parsed) {
      error_ = parsed.error();
      error_->position += start;
      return false;
    }
    node->signature = std::make_unique<Signature>(std::move(*parsed));
    return true;
  }

  Expression& expression_;
  Lexer lexer_;
  Token token_{};
  int nesting_{0};
};

}  // namespace

OrError<ExpressionPtr> parse(std::string_view text) {
  if (text.size() > expression_bytes_max) {
    return std::unexpected(make_error("U1001", 0, {}, {}, "length of the expression"));
  }
  auto expression = std::make_shared<Expression>();
  const std::string& kept = expression->texts.emplace_back(text);
  Parser parser(kept, *expression);
  Node* tree = parser.run();
  if (parser.error_) return std::unexpected(*parser.error_);
  auto root = process(tree, *expression);
  if (!root) return std::unexpected(root.error());
  expression->root = *root;
  // Equal names of variables share one text, compared by its address.
  std::set<std::string_view> names;
  for (Node& node : expression->nodes) {
    if (node.type == NodeType::Variable && !node.text.empty())
      node.text = *names.insert(node.text).first;
  }
  return expression;
}

}  // namespace kiban::jsonata
