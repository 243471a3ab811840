import js from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['cdk.out/', 'coverage/', 'node_modules/', 'jest.config.js'] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  {
    rules: {
      // A stack is created for what it adds to the tree; nobody needs the variable.
      'no-new': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Only bin/app.ts reads the environment.' },
      ],
    },
  },
  { files: ['bin/**'], rules: { 'no-restricted-properties': 'off' } },
);
