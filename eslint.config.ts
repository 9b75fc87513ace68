// The lint rules: strict and type-checked, plus the house rules of ARCHITECTURE.md that a linter can hold.
import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const entries = [
  'providers/github/sdk-thread.ts',
  'src/action/action.ts',
  'src/cli/**',
  'src/compose/**',
  'scripts/**',
  'bench/**',
  'test/**',
];

export default defineConfig(
  {
    ignores: [
      'dist/**',
      'templates/jenkins/resources/**',
      '.lockstep/**',
      'test/cases/**',
      'examples/**',
      '.dependency-cruiser.cjs',
    ],
  },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-definitions': ['error', 'interface'],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
  {
    // Facts about the world enter through the entries and compose.ts; everything else gets them as values.
    files: ['src/**', 'engine/**', 'providers/**'],
    ignores: entries,
    rules: {
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Take the environment as an argument.' },
      ],
    },
  },
);
