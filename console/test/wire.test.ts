import assert from 'node:assert/strict';
import test from 'node:test';
import { at, errorOf, formOf, listAt, queryOf, textAt, treeOf } from '../src/model/wire';

test('a form of the query protocol: lists are numbered, structures dotted', () => {
  assert.equal(formOf({ Action: 'X', Names: ['a b', 'c'], Filter: { Key: 'k', Values: ['v'] }, Absent: undefined }), 'Action=X&Names.member.1=a+b&Names.member.2=c&Filter.Key=k&Filter.Values.member.1=v');
  assert.equal(queryOf({ b: 'x y', a: '1' }), 'a=1&b=x%20y');
});

test('XML becomes a tree: members and repeated elements are lists', () => {
  const xml = '<?xml version="1.0"?><R xmlns="u"><ListResult><Stacks><member><Name>a &lt;b&gt; &#x26; c</Name><Outputs/></member><member><Name>d</Name></member></Stacks></ListResult><Meta>m</Meta></R>';
  const tree = treeOf(xml, 'ListResult');
  assert.deepEqual(listAt(tree, 'Stacks').map((each) => textAt(each, 'Name')), ['a <b> & c', 'd']);
  assert.deepEqual(listAt(at(tree, 'Stacks'), 'Outputs'), []);
  assert.equal(textAt(tree, 'Nothing', 'There'), '');
  const one = treeOf('<L><Contents><Key>k</Key></Contents></L>');
  const two = treeOf('<L><Contents><Key>k</Key></Contents><Contents><Key>l</Key></Contents><Contents><Key>m</Key></Contents></L>');
  assert.deepEqual([listAt(one, 'Contents').length, listAt(two, 'Contents').length], [1, 3]);
  assert.equal(treeOf('not XML'), '');
  assert.equal(treeOf('<a><b>unclosed'), '');
});

test('errors of both kinds have a code and a message', () => {
  assert.deepEqual(errorOf('{"__type":"com.amazon#Nope","message":"why"}', 400), { code: 'Nope', message: 'why' });
  assert.deepEqual(errorOf('<ErrorResponse><Error><Code>C</Code><Message>m</Message></Error></ErrorResponse>', 400), { code: 'C', message: 'm' });
  assert.deepEqual(errorOf('<Error><Code>NoSuchBucket</Code><Message>m</Message></Error>', 404), { code: 'NoSuchBucket', message: 'm' });
  assert.deepEqual(errorOf('', 502), { code: 'HTTP 502', message: '' });
});
