import { bothStages, stackList, stacksOf, template } from './support';

/** The key of an asset is the hash of its content: noise here, where the content has tests of its own. */
function masked(json: object): object {
  return JSON.parse(JSON.stringify(json).replace(/[0-9a-f]{64}/g, '<asset>'));
}

describe.each(bothStages)('%s', (stage) => {
  test.each(stackList(stacksOf(stage)).map((stack) => [stack.stackName, stack] as const))(
    '%s is as reviewed',
    (_, stack) => {
      expect(masked(template(stack).toJSON())).toMatchSnapshot();
    },
  );
});
